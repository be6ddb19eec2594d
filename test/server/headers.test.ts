import { expect } from 'chai'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('answers of the API', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  it('CORE-37 carry the API version whatever their status, and discovery does not depend on the token', async () => {
    const { id } = (await server.api.post('/organizations/acme/workspaces', document({ name: 'one' }))).json.data
    await server.api.post(`/workspaces/${id}/actions/lock`, {})
    const answers = [
      [200, await server.api.get('/organizations/acme')],
      [401, await server.as(null).get('/organizations/acme')],
      [401, await server.as('wrong-token').get('/organizations/acme')],
      [404, await server.api.get('/organizations/none')],
      [404, await server.api.get('/no/such/route')],
      [409, await server.api.post(`/workspaces/${id}/actions/lock`, {})],
      [422, await server.api.post('/organizations/acme/workspaces', document({ name: 'not/a/name' }))],
      [400, await server.api.post('/organizations/acme/workspaces', '{')],
      [204, await server.as(null).get('/ping')],
    ] as const

    for (const [status, answer] of answers) {
      expect(answer.status).to.equal(status)
      expect(Number(answer.headers.get('TFP-API-Version')), `on ${status}`).to.be.at.least(2.5)
    }
    const discoveries = await Promise.all(
      [null, 'wrong-token', server.siteToken].map((token) => server.as(token).get('/.well-known/terraform.json')),
    )
    for (const discovery of discoveries) {
      expect(discovery.status).to.equal(200)
      expect(discovery.headers.get('content-type')).to.match(/^application\/json/)
      expect(discovery.text).to.equal(discoveries[0]!.text)
      expect(Number(discovery.headers.get('TFP-API-Version'))).to.be.at.least(2.5)
    }
  })
})
