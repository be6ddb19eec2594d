import { expect } from 'chai'
import type { Page as Tab } from 'playwright-core'
import { pageRoutes } from '../../server/page-routes.ts'
import { pale, tooWide, violations } from '../support/axe.ts'
import { consoleErrors, crawl, inEveryLook, signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { furtherPages, notPages, type Page, pagesOfRoutes } from '../support/page-list.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeShowcase, type Showcase } from '../support/showcase.ts'

/** All rules once wide and once narrow; what remains of the other looks are their colours. */
const isWhole = (theme: string, width: number) => (theme === 'light') === (width === 1280)

describe('every page', function () {
  this.timeout(600_000)
  let server: TestServer
  let showcase: Showcase
  let pages: Page[]
  before(async function () {
    if (!browserPath()) this.skip()
    server = await startServer()
    showcase = await makeShowcase(server)
    pages = pagesOfRoutes(showcase)
  })
  after(() => server?.stop())

  async function look(tab: Tab, { name, path }: Page, titles: Map<string, string>): Promise<string[]> {
    const found: string[] = []
    const answer = await tab.goto(server.url + path)
    if (answer?.status() !== 200 || new URL(tab.url()).pathname !== new URL(server.url + path).pathname)
      found.push(`${name}: ${answer?.status()} at ${tab.url()}`)
    const title = await tab.title()
    if (titles.has(title)) found.push(`${name}: its title “${title}” is that of ${titles.get(title)}`)
    titles.set(title, name)
    const headings = await tab.getByRole('heading', { level: 1 }).count()
    if (headings !== 1) found.push(`${name}: ${headings} first headings`)
    await inEveryLook(tab, async ({ theme, width }) => {
      const what = `${name} ${theme} ${width}`
      found.push(
        ...(isWhole(theme, width)
          ? await violations(tab, what)
          : [...(await pale(tab, what)), ...(await tooWide(tab, what))]),
      )
    })
    return found
  }

  it('answers, has a title and a first heading of its own, no fault of accessibility in both themes, and no sideways scroll', async () => {
    const { context, close } = await openBrowser()
    try {
      const tab = context.pages()[0] ?? (await context.newPage())
      const problems = consoleErrors(tab)
      const titles = new Map<string, string>()
      const found: string[] = []
      for (const page of pages.filter((p) => p.isForStrangers)) found.push(...(await look(tab, page, titles)))
      await signIn(tab, server.url)
      for (const page of pages.filter((p) => !p.isForStrangers)) found.push(...(await look(tab, page, titles)))

      expect(found).to.deep.equal([])
      expect(problems).to.deep.equal([])
      expect(titles.size).to.equal(pages.length)
    } finally {
      await close()
    }
  })

  it('has none either for runs in every state, for an organization without anything, and for what is refused', async () => {
    const { context, close } = await openBrowser()
    try {
      const tab = context.pages()[0] ?? (await context.newPage())
      const problems = consoleErrors(tab)
      const found: string[] = []
      await signIn(tab, server.url)
      for (const { name, path, status } of furtherPages(showcase)) {
        const answer = await tab.goto(server.url + path)
        if (answer?.status() !== status) found.push(`${name}: ${answer?.status()}`)
        const refusal = `the server responded with a status of ${status}`
        found.push(...problems.splice(0).filter((problem) => status === 200 || !problem.includes(refusal)))
        await inEveryLook(tab, async ({ theme, width }) => {
          if (isWhole(theme, width)) found.push(...(await violations(tab, `${name} ${theme} ${width}`)))
        })
      }

      expect(found).to.deep.equal([])
    } finally {
      await close()
    }
  })

  it('is reached from the start page by links, none of which is dead or brings a console error', async () => {
    const { context, close } = await openBrowser()
    try {
      const tab = context.pages()[0] ?? (await context.newPage())
      const problems = consoleErrors(tab)
      await signIn(tab, server.url)

      const { opened, dead } = await crawl(tab, `${server.url}/app`)

      expect(dead).to.deep.equal([])
      expect(problems).to.deep.equal([])
      expect(opened).to.be.greaterThan(80)
    } finally {
      await close()
    }
  })

  it('is of a route: all but those that are named with a reason', () => {
    const asked = new Set(pageRoutes.filter((r) => r.method === 'get').map((r) => r.path))

    expect(pages.length).to.equal([...asked].filter((path) => !notPages[path]).length)
    expect(pages.length).to.be.greaterThan(80)
  })
})
