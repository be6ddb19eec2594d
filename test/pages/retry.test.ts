import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { finish, take } from '../support/worker.ts'

describe('retrying and killing a run', () => {
  let server: TestServer
  let web: Web
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira', { isSiteAdmin: true })
    web = new Web(server)
    await web.signIn('mira', password)
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  it('WEB-11 the new run has the same configuration, targets, replaced addresses, variables and flags; pressing twice makes one', async () => {
    const made = await server.api.post('/organizations/acme/workspaces', document({ name: 'net' }))
    const workspaceId = made.json.data.id
    const configurationId = await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
    const wanted = {
      message: 'Again',
      'target-addrs': ['a.b'],
      'replace-addrs': ['c.d["x"]'],
      refresh: false,
      variables: [{ key: 'size', value: '"3"' }],
    }
    const id = await startRun(server.api, workspaceId, wanted, configurationId)
    await finish(server.app, await take(server.app, id, 'plan'), {})
    await uploadConfiguration(server.api, workspaceId, { 'main.tf': '# newer' })
    const path = `/app/acme/workspaces/net/runs/${id}`
    const page = await web.get(path)
    const nonce = /name="nonce" value="([^"]+)"/.exec(page.html)![1]!

    const first = await web.post(`${path}/retry`, { nonce })
    const second = await web.post(`${path}/retry`, { nonce })

    expect(first.status).to.equal(303)
    expect(second.location).to.equal(first.location)
    const again = (await server.api.get(`/runs/${first.location!.split('/').at(-1)}`)).json.data
    expect(again.attributes).to.deep.include(wanted)
    expect(again.relationships['configuration-version'].data.id).to.equal(configurationId)
    expect(again.id).to.not.equal(id)
  })

  it('killing an engine wants the name of the workspace, and says what may be lost', async () => {
    const made = await server.api.post('/organizations/acme/workspaces', document({ name: 'db' }))
    await uploadConfiguration(server.api, made.json.data.id, { 'main.tf': '' })
    const id = await startRun(server.api, made.json.data.id, {})
    await take(server.app, id, 'plan')
    const path = `/app/acme/workspaces/db/runs/${id}`
    await web.get(path)
    await web.post(`${path}/cancel`, { status: 'planning' })
    await server.app.db.query(sql.void`update runs set force_cancel_available_at = now() where id = ${id}`)

    const page = await web.get(`${path}/force-cancel`)
    const wrong = await web.post(`${path}/force-cancel`, { status: 'planning', name: 'net' })
    const done = await web.post(`${path}/force-cancel`, { status: 'planning', name: 'db' })

    expect((await web.get(path)).html).to.include('Killed')
    expect(page.html).to.include('objects can exist that no state knows')
    expect([wrong.status, done.status]).to.deep.equal([422, 303])
  })
})
