import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { type Acme, makeAcme } from '../support/acme.ts'
import { at, violationsOf } from '../support/axe.ts'
import { consoleErrors, signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { startRun } from '../support/configurations.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('overviews', function () {
  this.timeout(180_000)
  let server: TestServer
  let acme: Acme
  before(async () => {
    server = await startServer()
    acme = await makeAcme(server)
    await makePast()
  })
  after(() => server.stop())

  /** Two weeks of runs that were: two on each day, one of them failed on every third. */
  async function makePast(): Promise<void> {
    const other = (await server.api.get('/organizations/acme/workspaces/queue')).json.data.id
    for (let day = 0; day < 12; day++)
      for (const n of [0, 1]) {
        const id = await startRun(server.api, other, { message: `Day ${day}, ${n}` })
        const status = day % 3 === 0 && n === 0 ? 'errored' : 'applied'
        await server.app.db.query(sql.void`
          update runs
          set status = ${status}, created_at = now() - ${day} * interval '1 day',
            finished_at = now() - ${day} * interval '1 day'
          where id = ${id}`)
        await server.app.db.query(sql.void`
          update phases
          set status = 'finished', queued_at = now() - ${day} * interval '1 day' - interval '20 seconds',
            started_at = now() - ${day} * interval '1 day' - (${10 - day / 2} * interval '1 second'),
            finished_at = now() - ${day} * interval '1 day' + ((60 + ${day * 7}) * interval '1 second')
          where run_id = ${id}`)
      }
  }

  it('the organization’s says what waits, what failed, and draws two weeks with their numbers as a table', async () => {
    const { html } = await acme.web.get('/app/acme/overview')

    expect(html).to.match(/27 runs in 14 days: 20 ended well, 4 failed\./)
    expect(html).to.include('role="img" aria-labelledby="chart-runs-t chart-runs-d"')
    expect(html).to.match(/<title>\d{4}-\d\d-\d\d: ended well 1, failed 1, stopped 0, not over [0-9]+<\/title>/)
    expect(html.match(/<tr><th scope="row">\d{4}-\d\d-\d\d<\/th>/g)).to.have.length(3 * 14)
    expect(html).to.include('Split NAT per zone').and.include('Failed this week')
    expect(html).to.not.match(/ style=/)
  })

  it('a workspace’s draws its own runs only', async () => {
    const { html } = await acme.web.get('/app/acme/workspaces/net')

    expect(html).to.include('2 runs in 14 days: 0 ended well, 0 failed.')
  })

  it('an organization where nothing ran has words in the place of charts, and one may look only at one’s own', async () => {
    await acme.web.post('/app', { name: 'quiet', email: 'ops@quiet.example' })
    expect((await acme.web.get('/app/quiet/overview')).html).to.include('Nothing ran in the last two weeks.')

    await makeUser(server, 'tarek')
    const tarek = new Web(server)
    await tarek.signIn('tarek', password)
    expect((await tarek.get('/app/acme/overview')).status).to.equal(404)
  })

  const pages = {
    overview: '/app/acme/overview',
    runs: '/app/acme/runs',
    'runs-filtered': '/app/acme/runs?status=person&user=site-admin',
    workspace: '/app/acme/workspaces/queue',
  }

  it('they and the list of runs have no fault of accessibility, in both themes, wide and narrow', async function () {
    if (!browserPath()) this.skip()
    for (const colorScheme of ['light', 'dark'] as const) {
      const { context, close } = await openBrowser({ colorScheme })
      try {
        const page = await context.newPage()
        const found = [consoleErrors(page)]
        await signIn(page, server.url, '/app/acme/runs')
        const openTable = async (name: string) => {
          if (name === 'overview') await page.getByText('As a table').first().click()
        }
        found.push(await violationsOf(page, at(server.url, pages), colorScheme, openTable))
        expect(found.flat()).to.deep.equal([])
      } finally {
        await close()
      }
    }
  })

  it('the list of runs follows what happens, and the switcher is used by keyboard without JavaScript', async function () {
    if (!browserPath()) this.skip()
    const live = await openBrowser()
    try {
      const page = await live.context.newPage()
      const problems = consoleErrors(page)
      await signIn(page, server.url, '/app/acme/runs')
      const pending = (await server.api.get(`/workspaces/${acme.workspaceId}/runs`)).json.data.find(
        (r: { attributes: { status: string } }) => r.attributes.status === 'pending',
      )
      await page.locator(`#${pending.id}`).getByText('Waiting its turn').waitFor()
      await server.api.post(`/runs/${pending.id}/actions/cancel`)
      await page.locator(`#${pending.id}`).getByText('Canceled').waitFor()
      expect(problems).to.deep.equal([])
    } finally {
      await live.close()
    }

    const plain = await openBrowser({ javaScriptEnabled: false })
    try {
      const page = await plain.context.newPage()
      await signIn(page, server.url, '/app/acme/runs')
      await page.locator('.switcher summary').press('Enter')
      await page.locator('.switcher').getByRole('link', { name: 'quiet' }).press('Enter')
      await page.waitForURL(`${server.url}/app/quiet/workspaces`)
      await page.goto(`${server.url}/app/acme/runs`)
      await page.getByRole('combobox', { name: 'Status' }).selectOption('errored')
      await page.getByRole('button', { name: 'Filter' }).click()
      await page.waitForURL(/status=errored/)
      expect(await page.locator('#runs tbody tr').count()).to.equal(4)
    } finally {
      await plain.close()
    }
  })
})
