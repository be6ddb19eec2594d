import { expect } from 'chai'
import { hashPassword, updatePassword } from '../../shared/users/users.ts'
import { type Acme, makeAcme } from '../support/acme.ts'
import { startRun } from '../support/configurations.ts'
import { makeMember, makeOrganization } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { password, Web } from '../support/web.ts'

describe('the runs of an organization', function () {
  this.timeout(60_000)
  let server: TestServer
  let acme: Acme
  let web: Web
  before(async () => {
    server = await startServer()
    acme = await makeAcme(server)
    web = acme.web
  })
  after(() => server.stop())

  const rowsOf = (html: string) => [...html.matchAll(/<tr role="row" id="(run-\w+)"/g)].map((m) => m[1]!)

  it('lists those of every workspace with the reason of each wait, and is linked from the tabs', async () => {
    expect((await web.get('/app/acme/workspaces')).html).to.include('href="/app/acme/runs"')

    const { html } = await web.get('/app/acme/runs')

    expect(rowsOf(html)).to.have.length(3)
    expect(html).to.include('Split NAT per zone').and.include('Rolling restart')
    expect(html).to.match(/Behind run #1, which waits for a confirmation/)
    expect(html).to.include('hx-sse:connect="/app/acme/runs/live')
  })

  it('filters by status, workspace, source and person, all kept in the address', async () => {
    const ask = async (query: string) => (await web.get(`/app/acme/runs?${query}`)).html

    expect(rowsOf(await ask('status=person'))).to.have.length(1)
    expect(rowsOf(await ask('status=pending'))).to.have.length(1)
    expect(rowsOf(await ask('workspace=QUEUE'))).to.have.length(1)
    expect(rowsOf(await ask('source=tfe-api&status=planning'))).to.have.length(1)
    expect(await ask('source=tfe-ui')).to.include('No run matches.')
    expect(await ask('user=lena')).to.include('No run matches.')
    expect(rowsOf(await ask('user=site-admin'))).to.have.length(3)
    const kept = await ask('status=person&workspace=net&user=site-admin')
    expect(kept).to.include('value="net"').and.include('value="site-admin"')
    expect(kept).to.include('href="/app/acme/runs?status=running&amp;workspace=net&amp;user=site-admin"')
    expect(await ask('status=nonsense')).to.include('There is no status “nonsense”')
  })

  it('pages by the last run shown, without a gap or a repetition', async () => {
    const made: string[] = []
    for (let i = 0; i < 55; i++)
      made.push(await startRun(server.api, acme.workspaceId, { message: `Run of page ${i}` }))
    const first = (await web.get('/app/acme/runs')).html
    const older = /href="(\/app\/acme\/runs\?older=run-\w+)" rel="next"/.exec(first)![1]!

    const second = (await web.get(older)).html

    expect(rowsOf(first)).to.have.length(50)
    expect(rowsOf(second)).to.have.length(8)
    expect(new Set([...rowsOf(first), ...rowsOf(second)])).to.include.all.keys(made)
    expect(second).to.include('>Newest</a>').and.not.include('hx-sse:connect')
  })

  it('shows a member only runs that they may read, and the top bar counts only what they see', async () => {
    const seesNothing = await makeMember(server, { id: acme.organizationId })
    await updatePassword(server.app.db, seesNothing.userId, await hashPassword(password))
    const stranger = new Web(server)
    await stranger.signIn(seesNothing.username, password)

    const { html } = await stranger.get('/app/acme/runs')

    expect(html).to.include('No run yet.').and.not.include('Split NAT')
    expect(html).to.match(/<b>0<\/b> running, <b>0<\/b> waiting/)
    expect((await web.get('/app/acme/runs')).html).to.match(/<b>1<\/b> running, <b>56<\/b> waiting/)
    expect((await web.get('/app/acme/runs')).html).to.include('href="/app/acme/runs?status=person"')
  })

  it('the switcher names the caller’s organizations and no other', async () => {
    const other = await makeOrganization(server)
    const member = await makeMember(server, { id: acme.organizationId })
    await updatePassword(server.app.db, member.userId, await hashPassword(password))
    const theirs = new Web(server)
    await theirs.signIn(member.username, password)

    expect((await web.get('/app/acme/runs')).html).to.include(`href="/app/${other.name}/workspaces"`)
    const { html } = await theirs.get('/app/acme/runs')
    expect(html).to.include('aria-label="Organization acme: switch to another"').and.not.include(other.name)
    expect((await theirs.get(`/app/${other.name}/runs`)).status).to.equal(404)
  })
})
