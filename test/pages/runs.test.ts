import { expect } from 'chai'
import { pauses } from '../../server/runs/live.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { finish, take, write } from '../support/worker.ts'

describe('the page of a run', () => {
  let server: TestServer
  let web: Web
  let workspaceId: string
  const path = '/app/acme/workspaces/net'
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira', { isSiteAdmin: true })
    web = new Web(server)
    await web.signIn('mira', password)
    await web.post('/app', { name: 'acme', email: 'ops@acme.example' })
    await web.post('/app/acme/new-workspace', { name: 'net', engine: 'terraform' })
    workspaceId = (await server.api.get('/organizations/acme/workspaces/net')).json.data.id
    await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
  })
  const usualPauses = { ...pauses }
  afterEach(() => Object.assign(pauses, usualPauses))
  after(() => server.stop())

  const statusOf = async (id: string) => (await server.api.get(`/runs/${id}`)).json.data.attributes.status
  async function planned(message: string, counts = { additions: 2, destructions: 1 }): Promise<string> {
    const id = await startRun(server.api, workspaceId, { message })
    const claim = await take(server.app, id, 'plan')
    await write(server.app, claim, 'Terraform v1\n\x1b[1mPlan:\x1b[0m 2 to add, 0 to change, 1 to destroy.\n')
    await finish(server.app, claim, counts)
    return id
  }

  it('a plan is read, confirmed with a comment, and its apply goes on without JavaScript', async () => {
    const id = await planned('Split the network')
    const page = await web.get(`${path}/runs/${id}`)
    expect(page.html).to.include('<title>Needs confirmation: Split the network · net · TofuTF</title>')
    expect(page.html).to.include('1 object is destroyed').and.include('Confirm and apply')
    expect(page.html).to.include('<span class="a-b">Plan:</span> 2 to add')
    expect(page.html).to.include('<noscript><meta http-equiv="refresh" content="10">')

    const confirmed = await web.post(`${path}/runs/${id}/confirm`, { status: 'planned', comment: 'checked with ops' })

    expect(confirmed.status).to.equal(303)
    expect(await statusOf(id)).to.equal('apply_queued')
    const after = await web.get(confirmed.location!)
    expect(after.html).to.include('Confirmed. Applying starts when a runner is free.').and.include('checked with ops')
    const claim = await take(server.app, id, 'apply')
    await write(server.app, claim, 'Apply complete!\n')
    await finish(server.app, claim)
    const done = await web.get(`${path}/runs/${id}`)
    expect(done.html).to.include('Applied').and.include('Apply complete!').and.not.include('http-equiv')
  })

  it('a form that was drawn for another status answers 409 and does nothing', async () => {
    const id = await planned('Stale')
    await web.get(`${path}/runs/${id}`)

    const answer = await web.post(`${path}/runs/${id}/confirm`, { status: 'planning' })

    expect(answer.status).to.equal(409)
    expect(answer.html).to.include('needs confirmation')
    expect(await statusOf(id)).to.equal('planned')
    expect((await web.post(`${path}/runs/${id}/discard`, { status: 'planned' })).status).to.equal(303)
    expect(await statusOf(id)).to.equal('discarded')
  })

  it('WEB-12 a waiting run names the run that it waits for and offers to cancel', async () => {
    const first = await planned('First')
    const second = await startRun(server.api, workspaceId, { message: 'Second' })

    const page = await web.get(`${path}/runs/${second}`)

    expect(page.html).to.include(`href="${path}/runs/${first}"`).and.include('Behind run')
    expect((await web.post(`${path}/runs/${second}/cancel`, { status: 'pending' })).status).to.equal(303)
    expect(await statusOf(second)).to.equal('canceled')
    await web.post(`${path}/runs/${first}/discard`, { status: 'planned' })
  })

  it('the address that terraform prints leads to the page', async () => {
    const id = await planned('Printed')

    expect((await web.get(`/app/acme/net/runs/${id}`)).location).to.equal(`${path}/runs/${id}`)
    expect((await web.get(`/app/acme/other/runs/${id}`)).status).to.equal(404)
    await web.post(`${path}/runs/${id}/discard`, { status: 'planned' })
  })

  it('literal brackets stay, terminal controls have no effect, text that reorders is spelled out', async () => {
    const id = await startRun(server.api, workspaceId, { message: '<b>Log</b>' })
    const claim = await take(server.app, id, 'plan')
    await write(
      server.app,
      claim,
      [
        'a [0m] [text] 10[1mbold <script>alert(1)</script>',
        '\x1b]8;;https://evil.example\x07link\x1b]8;;\x07 end',
        '\x1b]0;title\x07\x1b[2J\x1b[1;1Hkept\x1b[K\x1b[?2004h',
        'x\u202eevil\u2066y',
        '{"@level":"error","@message":"Error: No such thing","type":"diagnostic","diagnostic":{"severity":"error","summary":"No such thing","detail":"It is not there.","range":{"filename":"main.tf","start":{"line":3}}}}',
        '',
      ].join('\n'),
    )
    await write(server.app, claim, Buffer.from([0xff, 0xfe, 0, 0x41, 10]))
    await finish(server.app, claim, {})

    const { html } = await web.get(`${path}/runs/${id}`)
    const raw = await fetch(`${server.url}${path}/runs/${id}/plan-log`, {
      headers: { cookie: [...web.cookies].map(([k, v]) => `${k}=${v}`).join('; ') },
    })
    const bytes = Buffer.from(await raw.arrayBuffer())

    expect(html).to.include('a [0m] [text] 10[1mbold &lt;script&gt;').and.include('&lt;b&gt;Log&lt;/b&gt;')
    expect(html).to.include('link end').and.not.include('evil.example')
    expect(html).to.include('>kept<').and.not.include('title\x07')
    expect(html).to.include('x&lt;U+202E&gt;evil&lt;U+2066&gt;y')
    expect(html).to.include('Error: No such thing').and.include('on main.tf line 3:').and.include('It is not there.')
    expect(bytes.subarray(-5)).to.deep.equal(Buffer.from([0xff, 0xfe, 0, 0x41, 10]))
    expect(bytes[0]).to.equal('a'.charCodeAt(0))
  })

  it('the stream brings log lines and the change of status, then ends', async () => {
    const id = await startRun(server.api, workspaceId, { message: 'Live' })
    const claim = await take(server.app, id, 'plan')
    await write(server.app, claim, 'one\ntw')
    const page = await web.get(`${path}/runs/${id}`)
    const connect = /hx-sse:connect="([^"]+)"/.exec(page.html)![1]!
    const response = await fetch(server.url + connect, {
      headers: { cookie: [...web.cookies].map(([k, v]) => `${k}=${v}`).join('; ') },
    })
    expect(response.headers.get('content-type')).to.include('text/event-stream')
    const whole = response.text()

    await write(server.app, claim, 'o\nthree')
    await new Promise((resolve) => setTimeout(resolve, 400))
    await finish(server.app, claim, {})
    const text = await whole

    expect(text).to.match(/<li id="plan-L2"><a href="#plan-L2"[^>]*>2<\/a><span>two<\/span>/)
    expect(text).to.include('<span>three</span>').and.not.include('<span>one</span>')
    expect(text).to.include('hx-target="#run-head"').and.include('No changes')
    expect(text).to.match(/event: done\ndata: planned_and_finished\n\n$/)
    expect(text).to.match(/id: \d+\.\d+\.main-\d+\.\d+\n/)
  })

  it('a stream ends when its session does not exist any more', async () => {
    const other = new Web(server)
    await other.signIn('mira', password)
    const id = await startRun(server.api, workspaceId, { message: 'Gone' })
    const headers = { cookie: [...other.cookies].map(([k, v]) => `${k}=${v}`).join('; ') }
    await other.post('/app/logout', {})

    const response = await fetch(`${server.url}${path}/runs/${id}/live?from=0.0-0.0`, { headers, redirect: 'manual' })

    expect(response.status).to.equal(303)
    await web.post(`${path}/runs/${id}/cancel`, { status: 'plan_queued' })
  })

  it('a stream ends when its reader is removed from the organization, without waiting for the clock', async () => {
    await makeUser(server, 'paul')
    const teams = (await server.api.get('/organizations/acme/teams')).json.data
    const owners = teams.find((team: { attributes: { name: string } }) => team.attributes.name === 'owners').id
    const relationships = { teams: { data: [{ type: 'teams', id: owners }] } }
    const invited = await server.api.post(
      '/organizations/acme/organization-memberships',
      document({ email: 'paul@people.example' }, relationships),
    )
    const paul = new Web(server)
    await paul.signIn('paul', password)
    const id = await startRun(server.api, workspaceId, { message: 'Watched' })
    // by the clock it would look again in an hour
    Object.assign(pauses, { pingMs: 3_600_000, checkAccessMs: 3_600_000 })
    const headers = { cookie: [...paul.cookies].map(([k, v]) => `${k}=${v}`).join('; ') }
    const response = await fetch(`${server.url}${path}/runs/${id}/live?from=0.0-0.0`, { headers })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('hx-target="#run-head"')) text += (await reader.read()).value

    await server.api('DELETE', `/organization-memberships/${invited.json.data.id}`)
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += piece.value

    expect(text).to.match(/event: done\ndata: gone\n\n$/)
    await web.post(`${path}/runs/${id}/cancel`, { status: 'plan_queued' })
  })

  it('WEB-01 a start that is pressed twice makes one run, and both answers lead to it', async () => {
    const before = (await server.api.get(`/workspaces/${workspaceId}/runs`)).json.meta.pagination['total-count']
    const form = await web.get(`${path}/runs/new`)
    const nonce = /name="nonce" value="([^"]+)"/.exec(form.html)![1]!
    const fields = { nonce, kind: 'plan', message: 'Once' }

    const [first, second] = await Promise.all([
      web.post(`${path}/runs/new`, fields),
      web.post(`${path}/runs/new`, fields),
    ])
    const third = await web.post(`${path}/runs/new`, fields)

    expect(first!.status).to.equal(303)
    expect([second!.location, third.location]).to.deep.equal([first!.location, first!.location])
    const after = (await server.api.get(`/workspaces/${workspaceId}/runs`)).json.meta.pagination['total-count']
    expect(after).to.equal(before + 1)
  })

  it('a run is started for single addresses, and as a plan to keep; options that contradict come back as typed', async () => {
    const form = async () => {
      const { html } = await web.get(`${path}/runs/new`)
      return { nonce: /name="nonce" value="([^"]+)"/.exec(html)![1]!, message: 'Options' }
    }
    const addresses = { 'target-addrs': 'module.a\r\n\r\n  aws_vpc.b ', 'replace-addrs': 'aws_vpc.b' }

    const made = await web.post(`${path}/runs/new`, { ...(await form()), kind: 'save', refresh: 'on', ...addresses })
    const refused = await web.post(`${path}/runs/new`, { ...(await form()), kind: 'refresh', ...addresses })
    const long = await web.post(`${path}/runs/new`, {
      ...(await form()),
      kind: 'plan',
      'target-addrs': 'a'.repeat(2001),
    })

    const { attributes } = (await server.api.get(`/runs/${made.location!.split('/').at(-1)}`)).json.data
    expect(attributes).to.deep.include({
      'save-plan': true,
      refresh: false,
      'target-addrs': ['module.a', 'aws_vpc.b'],
      'replace-addrs': ['aws_vpc.b'],
    })
    expect(refused.status).to.equal(422)
    expect(refused.html)
      .to.include('id="replace-addrs-error"')
      .and.include('  aws_vpc.b ')
      .and.include('value="Options"')
    expect(long.status).to.equal(422)
    expect(long.html).to.include('id="target-addrs-error"')
  })

  it('the list of runs filters by status and message', async () => {
    const failed = await web.get(`${path}/runs?status=errored`)
    const found = await web.get(`${path}/runs?q=split`)

    expect(failed.html).to.include('No run matches.')
    expect(found.html).to.include('Split the network').and.not.include('Printed')
  })
})

describe('the pages of workspaces', () => {
  let server: TestServer
  let web: Web
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira')
    web = new Web(server)
    await web.signIn('mira', password)
    await web.post('/app', { name: 'acme', email: 'ops@acme.example' })
  })
  after(() => server.stop())

  it('an organization without workspaces shows the cloud block to copy', async () => {
    const { html } = await web.get('/app/acme/workspaces')

    expect(html).to.include('No workspaces yet.').and.include('organization = &quot;acme&quot;')
  })

  it('a workspace is made, locked with a reason, and unlocked', async () => {
    const made = await web.post('/app/acme/new-workspace', { name: 'net', engine: 'tofu', description: 'VPC' })
    expect(made.location).to.equal('/app/acme/workspaces/net')
    await web.post('/app/acme/workspaces/net/lock', { reason: 'audit' })
    expect((await web.get('/app/acme/workspaces/net')).html)
      .to.include('Locked by mira: audit')
      .and.include('OpenTofu')

    await web.post('/app/acme/workspaces/net/unlock', {})

    expect((await web.get('/app/acme/workspaces/net')).html).to.include('Unlocked')
  })

  it('a bad name comes back with what was typed', async () => {
    const answer = await web.post('/app/acme/new-workspace', { name: 'a b', engine: 'tofu', description: 'kept' })

    expect(answer.status).to.equal(422)
    expect(answer.html).to.include('value="kept"').and.include('only contain')
  })

  it('the list keeps its filter in the address and says when nothing fits', async () => {
    await web.post('/app/acme/new-workspace', { name: 'dns', engine: 'terraform' })
    const { html } = await web.get('/app/acme/workspaces?q=dn')

    expect(html).to.include('href="/app/acme/workspaces/dns"').and.not.include('href="/app/acme/workspaces/net"')
    expect((await web.get('/app/acme/workspaces?q=zzz')).html).to.include('No workspace matches.')
  })

  it('a person outside the organization gets the 404 page for each of its pages', async () => {
    await makeUser(server, 'tarek')
    const tarek = new Web(server)
    await tarek.signIn('tarek', password)
    for (const path of ['', '/workspaces', '/new-workspace', '/workspaces/net', '/workspaces/net/runs', '/net'])
      expect((await tarek.get(`/app/acme${path}`)).status, path).to.equal(404)
    await tarek.get('/app')
    expect((await tarek.post('/app/acme/workspaces/net/lock', {})).status).to.equal(404)
  })

  it('a workspace without runs asks for one, with the cloud block filled in', async () => {
    await server.api.post('/organizations/acme/workspaces', document({ name: 'empty' }))

    expect((await web.get('/app/acme/workspaces/empty')).html).to.include('name = &quot;empty&quot;')
  })
})
