import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { compileFile, type compileTemplate } from 'pug'
import { asset } from './assets.ts'
import { badgeOf } from './badge.ts'
import { errorAt } from './form-error.ts'
import { checkIcon } from './icons.ts'
import { plainText, safeHref } from './markdown.ts'
import { ago, browserOf, counted, duration, exactTime } from './words.ts'

/** All views, compiled at start: a syntax error is an error of the start, not of a request. */
const folder = join(import.meta.dirname, '..', 'views')
const views = new Map<string, compileTemplate>()

for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.pug') || file.startsWith('mixins/') || file === 'layout.pug') continue
  views.set(file.slice(0, -'.pug'.length), compileFile(join(folder, file), { basedir: folder, doctype: 'html' }))
}

/** What every view can use. */
const helpers = {
  asset,
  icon: (name: string) => `${asset('icons.svg')}#${checkIcon(name)}`,
  badgeOf,
  ago,
  browserOf,
  counted,
  duration,
  errorAt,
  exactTime,
  plainText,
  safeHref,
}

/** HTML of `views/<name>.pug`. */
export function renderView(name: string, locals: Record<string, unknown>): string {
  const view = views.get(name)
  if (!view) throw new Error(`there is no view ${name}`)
  return view({ ...helpers, ...locals })
}
