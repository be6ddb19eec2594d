import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { deleteOrganizationRows } from '../../worker/background/organization-delete.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('organizations', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  it('an organization has its name as id and a default project from its first day', async () => {
    const created = await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))

    expect(created.status).to.equal(201)
    expect(created.json.data).to.include({ id: 'acme', type: 'organizations' })
    expect(created.json.data.relationships['default-project'].data.id).to.match(/^prj-/)
  })

  it('a name that cannot stand in an address answers 422 and points at the name', async () => {
    const answer = await server.api.post('/organizations', document({ name: '../x', email: 'a@b.example' }))

    expect(answer.status).to.equal(422)
    expect(answer.json.errors[0].detail).to.match(/^Name may only contain/)
    expect(answer.json.errors[0].source.pointer).to.equal('/data/attributes/name')
  })

  it('the entitlement set allows remote operations', async () => {
    await server.api.post('/organizations', document({ name: 'ent', email: 'ops@acme.example' }))

    const answer = await server.api.get('/organizations/ent/entitlement-set')

    expect(answer.json.data.type).to.equal('entitlement-sets')
    expect(answer.json.data.attributes.operations).to.equal(true)
  })

  it('a deleted organization answers 404 at once', async () => {
    await server.api.post('/organizations', document({ name: 'gone', email: 'ops@acme.example' }))

    const deleted = await server.api.delete('/organizations/gone')

    expect(deleted.status).to.equal(204)
    expect((await server.api.get('/organizations/gone')).status).to.equal(404)
  })

  it('every answer carries the API version that clients ask for, errors too', async () => {
    for (const [path, token] of [
      ['/ping', null],
      ['/organizations/none', server.siteToken],
      ['/organizations', null],
    ] as const) {
      expect((await server.as(token).get(path)).headers.get('TFP-API-Version')).to.equal('2.6')
    }
  })

  it('a second factor that this server does not have is refused, not stored', async () => {
    await server.api.post('/organizations', document({ name: 'factor', email: 'ops@acme.example' }))

    const answer = await server.api.patch(
      '/organizations/factor',
      document({ 'collaborator-auth-policy': 'two_factor_mandatory' }),
    )

    expect(answer.status).to.equal(422)
    expect(answer.json.errors[0].source.pointer).to.equal('/data/attributes/collaborator-auth-policy')
    const { attributes } = (await server.api.get('/organizations/factor')).json.data
    expect(attributes['collaborator-auth-policy']).to.equal('password')
  })

  it('a new name is held to the rules of a first one: length, characters, reserved words', async () => {
    await server.api.post('/organizations', document({ name: 'renamed', email: 'ops@acme.example' }))

    for (const name of ['a'.repeat(91), 'search', 'x/y', '']) {
      expect((await server.api.patch('/organizations/renamed', document({ name }))).status, name).to.equal(422)
      expect((await server.api.post('/organizations', document({ name, email: 'a@b.example' }))).status, name).to.equal(
        422,
      )
    }
  })

  it('API-17 one with 1,000 workspaces is gone at once; its rows go in batches while others are served', async function () {
    this.timeout(60_000)
    const made = await server.api.post('/organizations', document({ name: 'big', email: 'ops@acme.example' }))
    await server.api.post('/organizations', document({ name: 'other', email: 'ops@acme.example' }))
    const id = made.json.data.attributes['external-id'] as string
    await server.app.db.query(sql.void`
      insert into workspaces (id, organization_id, project_id, name)
      select 'ws-big' || n, ${id}, ${made.json.data.relationships['default-project'].data.id}, 'w' || n
      from generate_series(1, 1000) n`)

    const deleted = await server.api.delete('/organizations/big')
    const gone = await server.api.get('/organizations/big')
    const left = await countWorkspaces(id)
    const removing = deleteOrganizationRows(server.app, id)
    const served = await server.api.get('/organizations/other')
    await removing

    expect([deleted.status, gone.status, served.status]).to.deep.equal([204, 404, 200])
    expect(left).to.equal(1000)
    expect(await countWorkspaces(id)).to.equal(0)
    expect(
      await server.app.db.any(sql.type(z.object({ id: z.string() }))`select id from organizations where id = ${id}`),
    ).to.be.empty
  })

  const countWorkspaces = async (organizationId: string) =>
    (
      await server.app.db.one(sql.type(z.object({ count: z.number() }))`
        select count(*)::int as count
        from workspaces
        where organization_id = ${organizationId}`)
    ).count
})
