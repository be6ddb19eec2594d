import { expect } from 'chai'
import { LINEAGE, lock, write } from '../states/setup.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { putState, type StateFile, stateFile } from '../support/states.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('the states of a workspace', () => {
  let server: TestServer
  let web: Web
  let workspaceId: string
  const path = '/app/acme/workspaces/net/states'
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira', { isSiteAdmin: true })
    web = new Web(server)
    await web.signIn('mira', password)
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
    workspaceId = (await server.api.post('/organizations/acme/workspaces', document({ name: 'net' }))).json.data.id
  })
  after(() => server.stop())

  const put = (serial: number, content: StateFile) =>
    putState(server.api, workspaceId, { serial, lineage: LINEAGE, ...content })
  const text = (html: string) =>
    html
      .replace(/<[^>]+>/g, ' ')
      .replaceAll('&quot;', '"')
      .replace(/\s+/g, ' ')

  it('without a state the page says what writes one', async () => {
    expect((await web.get(path)).html).to.include('No state yet. The first apply writes it.')
  })

  it('two versions are compared object by object and output by output', async () => {
    await put(1, {
      resources: { gone: 'x', kept: 'x', other: 'old' },
      outputs: { port: { value: 80, type: 'number' } },
    })
    await put(2, {
      resources: { kept: 'x', other: 'new', added: 'y' },
      outputs: { port: { value: 443, type: 'number' } },
    })

    const { html } = await web.get(`${path}/1...2`)
    const words = text(html)

    expect(words).to.include('3 objects differ').and.include('1 object is the same').and.include('1 of 1 differ')
    expect(words)
      .to.match(/gone terraform_data\.gone/)
      .and.match(/changed terraform_data\.other/)
      .and.match(/new terraform_data\.added/)
    expect(html)
      .to.include('<del>&quot;old&quot;</del>')
      .and.include('<ins>&quot;new&quot;</ins>')
      .and.include('<ins>443</ins>')
    expect((await web.get(`${path}?from=1&to=2`)).location).to.equal(`${path}/1...2`)
    expect(text((await web.get(`${path}/1...2?kind=new`)).html)).to.not.include('terraform_data.gone')
  })

  it('WEB-08 that a sensitive output and attribute differ is shown, their values are not', async () => {
    const secret = (serial: number, value: string) => {
      const state = JSON.parse(
        stateFile({ serial, lineage: LINEAGE, outputs: { token: { value, type: 'string', sensitive: true } } }),
      )
      state.resources.push({
        mode: 'managed',
        type: 'aws_db_instance',
        name: 'main',
        provider: 'provider["registry.terraform.io/hashicorp/aws"]',
        instances: [
          {
            attributes: { id: 'db-1', password: value, copy: value, secret_arn: 'arn', nested: { key: value } },
            sensitive_attributes: [
              [
                { type: 'get_attr', value: 'nested' },
                { type: 'get_attr', value: 'key' },
              ],
            ],
          },
        ],
      })
      return JSON.stringify(state)
    }
    await lock(server.api, workspaceId)
    await write(server.api, workspaceId, secret(3, 'hunter2-old'), { serial: 3 })
    await write(server.api, workspaceId, secret(4, 'hunter2-new'), { serial: 4 })
    await server.api.post(`/workspaces/${workspaceId}/actions/unlock`)

    const compared = await web.get(`${path}/3...4`)
    const viewed = await web.get(`${path}/4`)
    const resource = await web.get(`${path}/4/resource?address=aws_db_instance.main`)
    const rollback = await web.get(`${path}/3/rollback`)

    expect(compared.html + viewed.html + resource.html + rollback.html).to.not.include('hunter2')
    expect(text(compared.html)).to.include('password').and.include('differs').and.include('token')
    expect(text(resource.html)).to.include('sensitive').and.include('"db-1"')
    expect(text(viewed.html)).to.include('Sensitive, not shown')
  })

  it('WEB-10 of 2,000 outputs the page shows a few; each is reached by paging or search', async () => {
    const outputs = Object.fromEntries(
      Array.from({ length: 2000 }, (_, i) => [
        `out_${String(i).padStart(4, '0')}`,
        { value: `value-${i}`, type: 'string' },
      ]),
    )
    await put(5, { outputs })

    const { html } = await web.get(path)
    const last = await web.get(`${path}/5/outputs?page[number]=40`)
    const found = await web.get(`${path}/5/outputs?q=1234`)
    const workspace = await web.get('/app/acme/workspaces/net')

    expect(html.match(/value-\d+<\/span>/g)).to.have.length(20)
    expect(html).to.include('All 2,000 outputs')
    expect(last.html).to.include('value-1999').and.include('1951–2000 of 2,000')
    expect(found.html).to.include('value-1234').and.not.include('value-1999')
    expect(workspace.html.length).to.be.below(200_000)
  })

  it('a rollback shows what it does, wants the name, and makes the former state current', async () => {
    await put(6, { resources: { a: 'one' } })
    await put(7, { resources: { b: 'two' } })
    const form = await web.get(`${path}/6/rollback`)
    const current = /name="current" value="([^"]+)"/.exec(form.html)![1]!
    expect(text(form.html)).to.include(
      '1 object leaves the state and stays in your cloud unmanaged, 1 comes back into it',
    )

    const wrong = await web.post(`${path}/6/rollback`, { name: 'other', current })
    const stale = await web.post(`${path}/6/rollback`, { name: 'net', current: 'sv-old' })
    const done = await web.post(`${path}/6/rollback`, { name: 'net', current })

    expect([wrong.status, stale.status, done.status]).to.deep.equal([422, 409, 303])
    expect(wrong.html).to.include('Type net to roll back.')
    const page = await web.get(path)
    expect(page.html).to.include('Rolled back to state 6.').and.include('terraform_data.a')
    expect((await server.api.get(`/workspaces/${workspaceId}`)).json.data.attributes.locked).to.equal(false)
    // two versions have the serial 6 now: the newer has the short address, the older its id
    expect(page.html)
      .to.match(new RegExp(`href="${path}/6"`))
      .and.match(new RegExp(`href="${path}/sv-`))
  })

  it('a rollback under the lock of somebody else is refused and says whose it is', async () => {
    await lock(server.api, workspaceId)
    const form = await web.get(`${path}/5/rollback`)
    const current = /name="current" value="([^"]+)"/.exec(form.html)![1]!

    const refused = await web.post(`${path}/5/rollback`, { name: 'net', current })

    expect(refused.status).to.equal(409)
    expect(text(refused.html)).to.include('locked')
    await server.api.post(`/workspaces/${workspaceId}/actions/unlock`)
  })

  it('a state is downloaded byte by byte under a name of its own', async () => {
    const answer = await web.get(`${path}/7/download`)

    expect(answer.headers.get('content-disposition')).to.equal('attachment; filename="net-7.tfstate"')
    expect(JSON.parse(answer.html).serial).to.equal(7)
  })

  it('a person who may not read states gets the 404 page for each of their pages', async () => {
    await makeUser(server, 'tarek')
    const tarek = new Web(server)
    await tarek.signIn('tarek', password)

    for (const page of ['', '/7', '/6...7', '/7/outputs', '/7/resource?address=x', '/7/download', '/7/rollback'])
      expect((await tarek.get(path + page)).status, page).to.equal(404)
  })
})
