import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Rules of accessibility that the open page breaks, and whether it scrolls sideways. */
export async function violations(page: Page, what: string): Promise<string[]> {
  // not by a script element: the page's own policy would refuse it
  await page.evaluate(axe)
  const results = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { html: string }[] }[]
  }
  const found = results.violations.map(
    (v) => `${what}: ${v.id} ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`,
  )
  const overflow = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number
  if (overflow <= 0) return found
  const widest = await page.evaluate(
    `[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5).map((e) => e.tagName + '.' + e.className).slice(0, 8).join(' ')`,
  )
  return [...found, `${what}: ${overflow} px too wide: ${widest}`]
}
