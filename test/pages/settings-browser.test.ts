import { expect } from 'chai'
import { type Acme, makeAcme } from '../support/acme.ts'
import { violations } from '../support/axe.ts'
import { consoleErrors, signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { startServer, type TestServer } from '../support/server.ts'

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

  it('the palette is opened, used and left by keyboard alone', async () => {
    const { context, close } = await openBrowser()
    try {
      const page = await context.newPage()
      const problems = consoleErrors(page)
      await signIn(page, server.url, '/app/acme/workspaces')
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
      const problems = consoleErrors(page)
      await signIn(page, server.url, '/app/acme/workspaces')
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
