import { expect } from 'chai'
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
})
