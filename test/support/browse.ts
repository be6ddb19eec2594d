import type { Page as Tab } from 'playwright-core'
import { password } from './web.ts'

export const themes = ['light', 'dark'] as const
export const widths = [1280, 375] as const

/** What the tab's console has said of errors since. */
export function consoleErrors(tab: Tab): string[] {
  const found: string[] = []
  tab.on('console', (m) => m.type() === 'error' && found.push(`${tab.url()}: ${m.text()}`))
  tab.on('pageerror', (e) => found.push(`${tab.url()}: ${e.message}`))
  return found
}

export async function signIn(tab: Tab, url: string, path = '/app', login = 'mira'): Promise<void> {
  await tab.goto(`${url}/app/login?return_to=${encodeURIComponent(path)}`)
  await tab.getByLabel('Username or e-mail address').fill(login)
  await tab.getByLabel('Password').fill(password)
  await tab.getByRole('button', { name: 'Sign in' }).click()
  await tab.waitForURL(url + path)
}

/** The open page in each theme and at each width, without loading it again. */
export async function inEveryLook(tab: Tab, look: (name: { theme: string; width: number }) => Promise<void>) {
  for (const theme of themes) {
    await tab.emulateMedia({ colorScheme: theme })
    for (const width of widths) {
      await tab.setViewportSize({ width, height: 900 })
      await look({ theme, width })
    }
  }
}

const SHAPES = 250
const LINKS = 1500

/** What an address has in common with those of other things: one of each shape is opened, all are asked. */
const shapeOf = ({ pathname, searchParams }: URL): string =>
  `${pathname
    .replace(/(?<=\/workspaces\/)[^/]+/, '*')
    .replaceAll(/(?<=-)[A-Za-z0-9]{16}(?=\/|$)/g, '*')
    .replaceAll(/(?<=\/)[\d.]+(?=\/|$)/g, '*')}?${[...new Set(searchParams.keys())].sort()}`

/** Follows the links of every page that can be reached. @returns how many were asked, and which are dead */
export async function crawl(tab: Tab, start: string): Promise<{ opened: number; asked: number; dead: string[] }> {
  const shapes = new Set<string>()
  const asked = new Set<string>()
  const dead: string[] = []
  const todo = [{ href: start, from: '' }]
  for (let next = todo.shift(); next && asked.size < LINKS; next = todo.shift()) {
    const { href, from } = next
    if (asked.has(href)) continue
    asked.add(href)
    const answer = await tab.context().request.get(href)
    if (answer.status() >= 400) dead.push(`${href}: ${answer.status()}, linked from ${from}`)
    const isPage = answer.ok() && answer.headers()['content-type']?.startsWith('text/html')
    const shape = shapeOf(new URL(href))
    if (!isPage || shapes.has(shape) || shapes.size >= SHAPES) continue
    shapes.add(shape)
    await tab.goto(href)
    const links = (await tab.evaluate(
      `[...document.querySelectorAll('a[href]')].map((a) => a.href.split('#')[0])`,
    )) as string[]
    for (const link of links) if (new URL(link).origin === new URL(start).origin) todo.push({ href: link, from: href })
  }
  return { opened: shapes.size, asked: asked.size, dead }
}
