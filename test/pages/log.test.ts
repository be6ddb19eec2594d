import { expect } from 'chai'
import { finishPhase } from '../../shared/runs/hold.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { diagnosticLine } from '../support/engine-output.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { finish, take, write } from '../support/worker.ts'

const init = `Terraform v1.11.4
on linux_amd64
Initializing plugins and modules...
- terraform.io/builtin/terraform is built in to Terraform

Terraform has been successfully initialized!
`

describe('the log of a run', () => {
  let server: TestServer
  let web: Web
  let workspaceId: string
  const path = '/app/acme/workspaces/net/runs'
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira', { isSiteAdmin: true })
    web = new Web(server)
    await web.signIn('mira', password)
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
    workspaceId = (await server.api.post('/organizations/acme/workspaces', document({ name: 'net' }))).json.data.id
    await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
  })
  after(() => server.stop())

  async function logged(...pieces: (string | Buffer)[]) {
    const id = await startRun(server.api, workspaceId, { 'plan-only': true })
    const claim = await take(server.app, id, 'plan')
    for (const piece of pieces) await write(server.app, claim, piece)
    return { id, claim }
  }
  const list = (html: string, id: string) => new RegExp(`<ol id="${id}" role="list">(.*?)</ol>`, 's').exec(html)![1]!

  it('init and refresh are folded, whether the engine writes text or data', async () => {
    for (const refresh of [
      'aws_vpc.main: Refreshing state... [id=vpc-1]\n',
      '{"@level":"info","@message":"Terraform 1.11.4","type":"version"}\n{"@level":"info","@message":"aws_vpc.main: Refreshing state... [id=vpc-1]","type":"refresh_start"}\n',
    ]) {
      const { id, claim } = await logged(init, refresh, 'Plan: 1 to add\nError ahead? no\n')
      await finish(server.app, claim, {})

      const { html } = await web.get(`${path}/${id}`)

      expect(list(html, 'plan-log-init')).to.include('built in to Terraform').and.include('successfully initialized')
      expect(list(html, 'plan-log-refresh')).to.include('Refreshing state')
      expect(list(html, 'plan-log-lines')).to.include('Plan: 1 to add').and.not.include('Refreshing')
    }
  })

  it('the stream puts lines into the fold that they belong to, from where the page stopped', async () => {
    const { id, claim } = await logged('Terraform v1.11.4\n')
    const page = await web.get(`${path}/${id}`)
    const connect = /hx-sse:connect="([^"]+)"/.exec(page.html)![1]!.replaceAll('&amp;', '&')
    const response = await fetch(server.url + connect, {
      headers: { cookie: [...web.cookies].map(([k, v]) => `${k}=${v}`).join('; ') },
    })
    const whole = response.text()

    await write(
      server.app,
      claim,
      'Initializing plugins\nTerraform has been successfully initialized!\nx: Reading...\n1 to add\n',
    )
    await finish(server.app, claim, {})
    const text = await whole

    const partial = (target: string) =>
      new RegExp(`hx-target="#${target}".*?</hx-partial>`, 's').exec(text.replaceAll('\ndata: ', ''))![0]
    expect(partial('plan-log-init')).to.include('id="plan-L2"').and.include('Initializing plugins')
    expect(partial('plan-log-refresh')).to.include('x: Reading...')
    expect(partial('plan-log-lines')).to.include('1 to add')
  })

  it('what went wrong stands above the log, as cards', async () => {
    const box = `╷
│ Error: Reference to undeclared resource
│ 
│   on main.tf line 7, in output "o":
│    7:   value = x.y
│ 
│ A managed resource "x" "y" has not been declared.
╵
`
    const data = diagnosticLine('It was deleted.', 'subnet = "s"')
    const { id, claim } = await logged(init, box, data)
    await finishPhase(server.app, claim, { outcome: 'errored', reason: 'No such subnet' })

    const { html } = await web.get(`${path}/${id}`)
    const cards = /class="panel errors".*?<\/section>/s.exec(html)![0]

    expect(cards).to.include('Reference to undeclared resource').and.include('main.tf:7, in output &quot;o&quot;')
    expect(cards).to.include('value = x.y').and.include('has not been declared')
    expect(cards).to.include('No such subnet').and.include('net.tf:3, in resource').and.include('It was deleted.')
    expect(cards).to.match(/href="#plan-L\d+"/)
    expect(html).to.include('Retry')
  })

  it('WEB-02 WEB-03 colours are shown, literal brackets stay, controls have no effect', async () => {
    const { id } = await logged(
      'a [0m] [text] 10[1mbold \x1b[32mgreen\x1b[0m end\n',
      'x\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\ y\x1b[2J\x1b[3A\x1b]2;title\x07\x1b[?2004hz\u202e\n',
    )

    const { html } = await web.get(`${path}/${id}`)

    expect(html).to.include('a [0m] [text] 10[1mbold <span class="a-g">green</span> end')
    expect(html).to.include('xlink yz&lt;U+202E&gt;').and.not.include('evil.example')
  })

  it('WEB-04 bytes that are no text do not break the page, and are in the download as they were', async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x41, 0x0a, 0xc3, 0x28, 0x0a])
    const { id, claim } = await logged(bytes)
    await finish(server.app, claim, {})

    expect((await web.get(`${path}/${id}`)).status).to.equal(200)
    const raw = await fetch(`${server.url}${path}/${id}/plan-log?download=1`, {
      headers: { cookie: [...web.cookies].map(([k, v]) => `${k}=${v}`).join('; ') },
    })
    expect(Buffer.from(await raw.arrayBuffer())).to.deep.equal(bytes)
    expect(raw.headers.get('content-disposition')).to.include('attachment')
  })

  it('a log of 100 MB shows its end; older lines follow by links, and text is found in it', async function () {
    this.timeout(120_000)
    const line = (i: number) => `line ${String(i).padStart(8, '0')} ${'x'.repeat(85)}\n`
    const { id, claim } = await logged()
    const million = Array.from({ length: 1_000_000 }, (_, i) => line(i))
    for (let i = 0; i < million.length; i += 50_000)
      await write(server.app, claim, million.slice(i, i + 50_000).join(''))
    await finish(server.app, claim, {})

    const page = await web.get(`${path}/${id}`)
    const older = /href="([^"]+\/log\/plan\?to=\d+)"/.exec(page.html)![1]!
    const before = await web.get(older)
    const start = await web.get(`${path}/${id}/log/plan`)
    const found = await web.get(`${path}/${id}/log/plan?q=00500000`)

    expect(page.html).to.include('line 00999999').and.include('line 00999000').and.not.include('line 00998999')
    expect(before.html).to.include('line 00998999').and.include('line 00998000').and.not.include('line 00999000')
    expect(start.html).to.include('id="plan-L1"').and.include('line 00000999').and.not.include('line 00001000')
    expect(page.html).to.include('id="plan-L1000000"')
    expect(before.html).to.include('id="plan-L999000"').and.include('id="plan-L998001"')
    expect(found.html).to.include('1 line with “00500000”')
    const jump = /href="([^"]+from=\d+&amp;q=00500000)"/.exec(found.html)![1]!.replaceAll('&amp;', '&')
    expect((await web.get(jump)).html).to.include('line 00500000')
  })
})
