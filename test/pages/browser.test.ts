import { expect } from 'chai'
import { consoleErrors, signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser } from '../support/web.ts'
import { finish, take, write } from '../support/worker.ts'

describe('in a browser', function () {
  this.timeout(300_000)
  let server: TestServer
  let workspaceId: string
  const base = '/app/acme/workspaces/net'
  before(async function () {
    if (!browserPath()) this.skip()
    server = await startServer()
    await makeUser(server, 'mira', { isSiteAdmin: true })
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
    const made = await server.api.post('/organizations/acme/workspaces', document({ name: 'net' }))
    workspaceId = made.json.data.id
    await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
  })
  after(() => server?.stop())

  async function plannedRun(message: string): Promise<string> {
    const id = await startRun(server.api, workspaceId, { message })
    const claim = await take(server.app, id, 'plan')
    await write(server.app, claim, 'Plan: 2 to add, 0 to change, 1 to destroy.\n')
    await finish(server.app, claim, { additions: 2, destructions: 1 })
    return id
  }

  for (const javaScriptEnabled of [true, false]) {
    it(`sign in, open the organization, make a run's way to its apply, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
      const { context, close } = await openBrowser({ javaScriptEnabled })
      try {
        const page = await context.newPage()
        const problems = consoleErrors(page)
        await signIn(page, server.url, base)
        await page.goto(`${server.url}/app`)
        await page.getByRole('link', { name: 'acme', exact: true }).click()
        await page.getByRole('link', { name: 'net', exact: true }).click()
        const id = await plannedRun(`Way ${javaScriptEnabled}`)
        await page.reload()
        await page.getByRole('link', { name: 'Review plan' }).click()
        expect(await page.getByRole('heading', { level: 1 }).textContent()).to.equal(`Way ${javaScriptEnabled}`)

        await page.getByRole('button', { name: 'Confirm and apply' }).click()

        await page.getByText('Confirmed. Applying starts when a runner is free.').waitFor()
        expect((await server.api.get(`/runs/${id}`)).json.data.attributes.status).to.equal('apply_queued')
        await finish(server.app, await take(server.app, id, 'apply'))
        expect(problems).to.deep.equal([])
      } finally {
        await close()
      }
    })
  }

  it('a run is found and confirmed by keyboard alone', async () => {
    const { context, close } = await openBrowser()
    try {
      const page = await context.newPage()
      const problems = consoleErrors(page)
      await signIn(page, server.url, base)
      const id = await plannedRun('By keys')
      await page.keyboard.press('g')
      await page.keyboard.press('r')
      await page.waitForURL(`${server.url}${base}/runs`)
      await page.keyboard.press('j')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'By keys', level: 1 }).waitFor()

      await page.keyboard.press('c')
      await page.keyboard.press('Enter')

      await page.getByText('Confirmed. Applying starts when a runner is free.').waitFor()
      await finish(server.app, await take(server.app, id, 'apply'))
      expect(problems).to.deep.equal([])
    } finally {
      await close()
    }
  })

  it('an open page follows its run: log lines, badge, title and the button, without a reload', async () => {
    const { context, close } = await openBrowser()
    try {
      const page = await context.newPage()
      const problems = consoleErrors(page)
      await signIn(page, server.url, base)
      const id = await startRun(server.api, workspaceId, { message: 'Followed' })
      const claim = await take(server.app, id, 'plan')
      await page.goto(`${server.url}${base}/runs/${id}`)
      await write(server.app, claim, 'first line\n')
      await page.getByText('first line').waitFor()
      await write(server.app, claim, 'second line\n')
      await page.getByText('second line').waitFor()

      await finish(server.app, claim, { additions: 2 })

      await page.getByRole('button', { name: 'Confirm and apply' }).waitFor()
      await page.waitForFunction("document.title.startsWith('Needs confirmation: Followed')")
      expect(await page.getByRole('heading', { level: 1 }).count()).to.equal(1)
      expect(await page.locator('#plan-log-lines li').count()).to.equal(2)
      await page.getByRole('button', { name: 'Discard' }).click()
      await page.getByText('Discarded. Nothing was applied.').waitFor()
      expect(problems).to.deep.equal([])
    } finally {
      await close()
    }
  })
})
