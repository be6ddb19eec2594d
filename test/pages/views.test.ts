import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'

/** What our content security policy forbids, or what would print HTML of others unescaped. */
const forbidden: [what: string, pattern: RegExp][] = [
  ['unescaped output', /(^|\s|\()[\w:'-]*!=\s|!\{/m],
  ['inline styles', /\bstyle=/],
  ['inline event handlers', /\bon(click|load|submit|change|input|error)=/],
  ['script text', /^\s*script(?!\(.*\bsrc=)/m],
  ['htmx code attributes', /hx-on|hx-vals=['"]?js:|hx-headers=['"]?js:/],
  ['htmx trigger filters', /hx-trigger="[^"]*\[/],
]

describe('the views', () => {
  const folder = join(import.meta.dirname, '../../views')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.pug'))

  for (const [what, pattern] of forbidden) {
    it(`have no ${what}`, () => {
      const found = files.filter((file) => pattern.test(readFileSync(join(folder, file), 'utf8')))
      expect(found).to.deep.equal([])
    })
  }

  it('have a CSRF field in every form that posts', () => {
    const missing = files.filter((file) => {
      const text = readFileSync(join(folder, file), 'utf8')
      return [
        ...text.matchAll(/^( *)(?:.*\s)?form[.#\w-]*\((?:[^)]*)method="post"[\s\S]*?(?=\n\1\S|$(?![\s\S]))/gm),
      ].some((form) => !form[0].includes('+csrfField'))
    })
    expect(missing).to.deep.equal([])
  })
})
