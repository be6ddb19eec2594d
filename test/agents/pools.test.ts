import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { insertAgent } from '../../shared/agents/agents.ts'
import { newId } from '../../shared/ids.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('agent pools', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    for (const name of ['acme', 'other'])
      await server.api.post('/organizations', document({ name, email: 'a@example.com' }))
  })
  after(() => server.stop())

  let count = 0
  const makePool = async (attributes = {}, relationships?: Record<string, unknown>, organization = 'acme') => {
    const body = document({ name: `pool-${++count}`, ...attributes }, relationships)
    return (await server.api.post(`/organizations/${organization}/agent-pools`, body)).json.data
  }
  const makeWorkspace = async (attributes = {}, organization = 'acme') =>
    server.api.post(`/organizations/${organization}/workspaces`, document({ name: `ws-${++count}`, ...attributes }))
  const list = (type: string, ...ids: string[]) => ({ data: ids.map((id) => ({ type, id })) })

  it('a pool reads back as it was created', async () => {
    const created = await makePool({ name: 'first' })

    const read = await server.api.get(`/agent-pools/${created.id}`)

    expect(read.json.data).to.deep.equal(created)
    expect(created.attributes).to.include({ name: 'first', 'organization-scoped': true, 'agent-count': 0 })
    expect(created.relationships.organization.data.id).to.equal('acme')
  })

  it('names are unique in an organization and follow the name rule', async () => {
    await makePool({ name: 'taken' })

    const again = await server.api.post('/organizations/acme/agent-pools', document({ name: 'Taken' }))
    const wrong = await server.api.post('/organizations/acme/agent-pools', document({ name: 'a b' }))
    const none = await server.api.post('/organizations/acme/agent-pools', document({}))

    expect([again.status, wrong.status, none.status]).to.deep.equal([422, 422, 422])
    expect(again.json.errors[0].detail).to.equal('Name has already been taken')
    expect(wrong.json.errors[0].source.pointer).to.equal('/data/attributes/name')
  })

  it('an update of the name leaves the lists as they are, an empty list clears one', async () => {
    const allowed = (await makeWorkspace()).json.data
    const excluded = (await makeWorkspace()).json.data
    const pool = await makePool(
      { 'organization-scoped': false },
      {
        'allowed-workspaces': list('workspaces', allowed.id),
        'excluded-workspaces': list('workspaces', excluded.id),
      },
    )

    const renamed = await server.api.patch(`/agent-pools/${pool.id}`, document({ name: 'renamed' }))
    const cleared = await server.api.patch(
      `/agent-pools/${pool.id}`,
      document({}, { 'allowed-workspaces': list('workspaces') }),
    )

    expect(renamed.json.data.relationships['allowed-workspaces'].data).to.deep.equal([
      { type: 'workspaces', id: allowed.id },
    ])
    expect(cleared.json.data.attributes.name).to.equal('renamed')
    expect(cleared.json.data.relationships['allowed-workspaces'].data).to.be.empty
    expect(cleared.json.data.relationships['excluded-workspaces'].data).to.have.length(1)
  })

  it("another organization's workspace is refused like one that does not exist", async () => {
    const foreign = (await makeWorkspace({}, 'other')).json.data
    const answers = await Promise.all(
      [foreign.id, newId('ws')].map((id) =>
        server.api.post(
          '/organizations/acme/agent-pools',
          document({ name: `foreign-${++count}` }, { 'allowed-workspaces': list('workspaces', id) }),
        ),
      ),
    )

    expect(answers.map((a) => a.status)).to.deep.equal([422, 422])
    expect(answers[0]!.json).to.deep.equal(answers[1]!.json)
  })

  it('the filter by workspace name finds the pools that this workspace may use', async () => {
    const one = (await makeWorkspace()).json.data
    const two = (await makeWorkspace()).json.data
    const forOne = await makePool(
      { 'organization-scoped': false },
      { 'allowed-workspaces': list('workspaces', one.id) },
    )
    const forAllButTwo = await makePool({}, { 'excluded-workspaces': list('workspaces', two.id) })
    const names = async (name: string) => {
      const path = `/organizations/acme/agent-pools?filter[allowed_workspaces][name]=${name}&page[size]=100`
      return (await server.api.get(path)).json.data.map((p: { id: string }) => p.id)
    }

    expect(await names(one.attributes.name)).to.include.members([forOne.id, forAllButTwo.id])
    expect(await names(two.attributes.name)).to.not.include.members([forOne.id])
    expect(await names(two.attributes.name)).to.not.include.members([forAllButTwo.id])
  })

  it('a workspace takes only a pool of its organization that allows it', async () => {
    const closed = await makePool({ 'organization-scoped': false })
    const foreign = await makePool({}, undefined, 'other')
    const open = await makePool()
    const agentMode = (id: string) => makeWorkspace({ 'execution-mode': 'agent', 'agent-pool-id': id })

    expect((await agentMode(closed.id)).status).to.equal(422)
    expect((await agentMode(foreign.id)).status).to.equal(422)
    expect((await agentMode(open.id)).status).to.equal(201)
  })

  it('a pool in use cannot be deleted; one that is not can, and is then not found', async () => {
    const used = await makePool()
    const made = await makeWorkspace({ 'execution-mode': 'agent', 'agent-pool-id': used.id })
    expect(made.status).to.equal(201)
    const unused = await makePool()

    expect((await server.api.delete(`/agent-pools/${used.id}`)).status).to.equal(409)
    expect((await server.api.delete(`/agent-pools/${unused.id}`)).status).to.equal(204)
    expect((await server.api.get(`/agent-pools/${unused.id}`)).status).to.equal(404)
    expect((await server.api.delete(`/agent-pools/${unused.id}`)).status).to.equal(404)
  })

  it('include=workspaces brings the workspaces of the pool', async () => {
    const pool = await makePool()
    const ws = (await makeWorkspace({ 'execution-mode': 'agent', 'agent-pool-id': pool.id })).json.data

    const read = await server.api.get(`/agent-pools/${pool.id}?include=workspaces`)

    expect(read.json.included.map((o: { id: string }) => o.id)).to.deep.equal([ws.id])
  })

  it('a token is shown once, whatever type the request names (API-01)', async () => {
    const pool = await makePool()
    const path = `/agent-pools/${pool.id}/authentication-tokens`
    const made = await Promise.all(
      ['authentication-tokens', 'agent-tokens', ''].map((type) =>
        server.api.post(path, { data: { type, attributes: { description: type } } }),
      ),
    )
    const listed = await server.api.get(path)
    const read = await server.api.get(`/authentication-tokens/${made[0]!.json.data.id}`)

    expect(made.map((a) => a.status)).to.deep.equal([201, 201, 201])
    for (const { json } of made) expect(json.data.attributes.token).to.be.a('string')
    expect(listed.json.meta.pagination['total-count']).to.equal(3)
    for (const { json } of made) expect(listed.text + read.text).to.not.include(json.data.attributes.token)
    expect((await server.api.delete(`/authentication-tokens/${made[0]!.json.data.id}`)).status).to.equal(204)
  })

  it('an agent that stopped pinging is of unknown status and may be deleted, a living one may not', async () => {
    const pool = await makePool()
    const facts = { address: '10.0.0.1', version: '1', engines: [], labels: { zone: 'a' }, concurrency: 1 }
    const [alive, silent] = [newId('agent'), newId('agent')]
    await insertAgent(server.app.db, alive, pool.id, { ...facts, name: 'alive' })
    await insertAgent(server.app.db, silent, pool.id, { ...facts, name: 'silent' })
    await server.app.db.query(
      sql.void`update agents set last_ping_at = now() - interval '31 seconds' where id = ${silent}`,
    )

    const listed = await server.api.get(`/agent-pools/${pool.id}/agents`)
    const statuses = Object.fromEntries(
      listed.json.data.map((a: { id: string; attributes: { status: string } }) => [a.id, a.attributes.status]),
    )

    expect(statuses).to.deep.equal({ [alive]: 'idle', [silent]: 'unknown' })
    expect((await server.api.get(`/agent-pools/${pool.id}`)).json.data.attributes['agent-count']).to.equal(1)
    expect((await server.api.delete(`/agents/${alive}`)).status).to.equal(409)
    expect((await server.api.delete(`/agents/${silent}`)).status).to.equal(204)
    expect((await server.api.get(`/agents/${silent}`)).status).to.equal(404)
  })
})
