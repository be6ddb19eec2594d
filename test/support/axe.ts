import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  id: string
  nodes: { html: string }[]
}

async function broken(page: Page, what: string, rules: readonly string[] | null): Promise<string[]> {
  // not by a script element: the page's own policy would refuse it
  if (!(await page.evaluate('Boolean(window.axe)'))) await page.evaluate(axe)
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules && { runOnly: rules }) })
  const found = (await page.evaluate(`axe.run(${options})`)) as { violations: Violation[] }
  return found.violations.map((v) => `${what}: ${v.id} ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`)
}

/** Texts of the open page that stand out too little: what another theme may break in the same document. */
export const pale = (page: Page, what: string): Promise<string[]> => broken(page, what, ['color-contrast'])

/** Rules of accessibility that the open page breaks, and whether it scrolls sideways. */
export const violations = async (page: Page, what: string): Promise<string[]> => [
  ...(await broken(page, what, null)),
  ...(await tooWide(page, what)),
]

/** Whether the open page scrolls sideways, and what makes it. */
export async function tooWide(page: Page, what: string): Promise<string[]> {
  const overflow = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number
  if (overflow <= 0) return []
  const widest = await page.evaluate(
    `[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5).map((e) => e.tagName + '.' + e.className).slice(0, 8).join(' ')`,
  )
  return [`${what}: ${overflow} px too wide: ${widest}`]
}

const WIDTHS = [1280, 375]

/** The open page at both widths. With SHOTS=<folder> a picture of each is kept. */
export async function violationsHere(page: Page, name: string, theme: string): Promise<string[]> {
  const found: string[] = []
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    found.push(...(await violations(page, `${name} ${width} ${theme}`)))
    if (process.env.SHOTS)
      await page.screenshot({ path: `${process.env.SHOTS}/${name}-${width}-${theme}.png`, fullPage: true })
  }
  return found
}

/** Each of the pages, by name and address, at both widths; `prepare` acts on one before it is looked at. */
export async function violationsOf(
  page: Page,
  pages: Readonly<Record<string, string>>,
  theme: string,
  prepare: (name: string) => Promise<unknown> = async () => undefined,
): Promise<string[]> {
  const found: string[] = []
  for (const [name, address] of Object.entries(pages)) {
    await page.setViewportSize({ width: WIDTHS[0]!, height: 900 })
    await page.goto(address)
    await prepare(name)
    found.push(...(await violationsHere(page, name, theme)))
  }
  return found
}

/** The same paths at a server. */
export const at = (url: string, paths: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, url + path]))
