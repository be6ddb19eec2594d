/**
 * `npm run screenshots [-- folder]`: a picture of every page in both themes, and in light at phone width, of an
 * organization that has something to show everywhere. Default: .cache/screenshots. Look at them.
 */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Page as Tab } from 'playwright-core'
import { inEveryLook, signIn } from './support/browse.ts'
import { openBrowser } from './support/browser.ts'
import { furtherPages, type Page, pagesOfRoutes } from './support/page-list.ts'
import { startServer } from './support/server.ts'
import { makeShowcase } from './support/showcase.ts'

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, '..', '.cache', 'screenshots'))

/** `/app/:organization_name/queue` is org-queue, of a workspace ws-…; the rest is its own name. */
const fileOf = (name: string): string =>
  name
    .replace('/app/:organization_name/workspaces/:workspace_name', 'ws')
    .replace('/app/:organization_name', 'org')
    .replace(/^\/app/, 'site')
    .replaceAll(/[^\w]+/g, '-')
    .replaceAll(/^-|-$/g, '')

async function take(tab: Tab, url: string, { name, path }: Page): Promise<number> {
  await tab.goto(url + path)
  let count = 0
  await inEveryLook(tab, async ({ theme, width }) => {
    if (theme === 'dark' && width < 1000) return
    await tab.screenshot({ path: join(folder, `${fileOf(name)}-${width}-${theme}.png`), fullPage: true })
    count++
  })
  return count
}

await mkdir(folder, { recursive: true })
const server = await startServer()
const { context, close } = await openBrowser()
try {
  const showcase = await makeShowcase(server)
  const pages = [...pagesOfRoutes(showcase), ...furtherPages(showcase)]
  const tab = context.pages()[0] ?? (await context.newPage())
  let count = 0
  for (const page of pages.filter((p) => p.isForStrangers)) count += await take(tab, server.url, page)
  await signIn(tab, server.url)
  for (const page of pages.filter((p) => !p.isForStrangers)) count += await take(tab, server.url, page)
  console.log(`${count} pictures of ${pages.length} pages in ${folder}`)
} finally {
  await close()
  await server.stop()
}
process.exit()
