import { createRequire } from 'node:module'

/** The icons that the views use, by their octicon names; `icon('…')` with another name fails when a view is drawn. */
const names = [
  'alert',
  'archive',
  'arrow-down',
  'arrow-left',
  'bookmark',
  'calendar',
  'check',
  'check-circle',
  'check-circle-fill',
  'chevron-down',
  'chevron-right',
  'chevron-up',
  'circle',
  'circle-slash',
  'clock',
  'comment',
  'copy',
  'database',
  'dot-fill',
  'download',
  'eye-closed',
  'gear',
  'git-branch',
  'git-commit',
  'git-pull-request',
  'history',
  'home',
  'hourglass',
  'info',
  'key',
  'link',
  'list-unordered',
  'lock',
  'moon',
  'north-star',
  'organization',
  'package',
  'pencil',
  'people',
  'person',
  'play',
  'plus',
  'project',
  'pulse',
  'search',
  'server',
  'shield',
  'sign-out',
  'stack',
  'stop',
  'sun',
  'sync',
  'tag',
  'tasklist',
  'terminal',
  'trash',
  'unlock',
  'webhook',
  'x',
  'x-circle-fill',
] as const

interface Octicon {
  heights: Record<string, { path: string }>
}

const octicons = createRequire(import.meta.url)('@primer/octicons') as Record<string, Octicon>
const known = new Set<string>(names)

/** One SVG with a symbol for each icon. */
export function iconSprite(): string {
  const symbols = names.map((name) => {
    const drawn = octicons[name]?.heights['16']
    if (!drawn) throw new Error(`octicons has no ${name} of 16 px`)
    return `<symbol id="${name}" viewBox="0 0 16 16">${drawn.path}</symbol>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>`
}

export function checkIcon(name: string): string {
  if (!known.has(name)) throw new Error(`the icon ${name} is not in server/icons.ts`)
  return name
}
