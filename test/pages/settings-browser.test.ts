import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { type Acme, makeAcme } from '../support/acme.ts'
import { violations } from '../support/axe.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { password } from '../support/web.ts'

describe('settings in a browser', function () {
  this.timeout(300_000)
  let server: TestServer
  let acme: Acme
  before(async function () {
    if (!browserPath()) this.skip()
    server = await startServer()
    acme = await makeAcme(server)
  })
  after(() => server?.stop())

  async function signIn(page: Page): Promise<string[]> {
    const problems: string[] = []
    page.on('console', (m) => m.type() === 'error' && problems.push(`${page.url()}: ${m.text()}`))
    page.on('pageerror', (e) => problems.push(`${page.url()}: ${e.message}`))
    await page.goto(`${server.url}/app/acme/workspaces`)
    await page.getByLabel('Username or e-mail address').fill('mira')
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(`${server.url}/app/acme/workspaces`)
    return problems
  }

  it('the palette is opened, used and left by keyboard alone', async () => {
    const { context, close } = await openBrowser()
    try {
      const page = await context.newPage()
      const problems = await signIn(page)
      // the script shows this button when it listens to keys
      await page.getByRole('button', { name: /^Keyboard/ }).waitFor()
      await page.keyboard.press('Control+k')
      await page.locator('#palette-q:focus').waitFor()
      await page.keyboard.type('platform')
      await page
        .locator('#palette')
        .getByRole('option', { name: /platform/ })
        .first()
        .waitFor()
      expect(await violations(page, 'palette')).to.deep.equal([])
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/palette.png` })
      await page.keyboard.press('Enter')
      await page.waitForURL(`${server.url}${acme.project}`)

      await page.keyboard.press('g')
      await page.keyboard.press('q')
      await page.waitForURL(`${server.url}/app/acme/queue`)
      await page.keyboard.press('?')
      await page.getByRole('heading', { name: 'Keyboard' }).waitFor()
      await page.keyboard.press('Escape')
      await page.keyboard.press('Control+k')
      await page.keyboard.type('variable sets')
      await page.keyboard.press('Enter')
      await page.waitForURL(`${server.url}/app/acme/varsets`)
      expect(problems).to.deep.equal([])
    } finally {
      await close()
    }
  })

  it('an open queue page follows what happens', async () => {
    const { context, close } = await openBrowser()
    try {
      const page = await context.newPage()
      const problems = await signIn(page)
      await page.goto(`${server.url}/app/acme/queue`)
      await page.getByText('Rolling restart').waitFor()
      const queued = await server.api.get(`/workspaces/${acme.workspaceId}/runs`)
      const pending = queued.json.data.find(
        (r: { attributes: { status: string } }) => r.attributes.status === 'pending',
      )

      await server.api.post(`/runs/${pending.id}/actions/cancel`)

      await page.getByText('Tag all subnets for cost reports').waitFor({ state: 'detached' })
      expect(problems).to.deep.equal([])
    } finally {
      await close()
    }
  })
})
