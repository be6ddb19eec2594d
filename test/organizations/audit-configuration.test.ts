import { expect } from 'chai'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { makeMember, makeOrganization } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('the audit configuration', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  it('cannot be switched off, and is for owners', async () => {
    const organization = await makeOrganization(server)
    const path = `/organizations/${organization.name}/audit-configuration`
    const { api } = await makeMember(server, organization)

    expect((await server.api.get(path)).json.data.attributes['audit-trails'].enabled).to.equal(true)
    expect((await server.api.patch(path, document({ 'audit-trails': { enabled: false } }))).status).to.equal(422)
    expect((await server.api.patch(path, document({ 'audit-trails': { enabled: true } }))).status).to.equal(200)
    expect((await api.get(path)).status).to.equal(403)
  })

  it('a test leaves one entry with the id that it answered', async () => {
    const organization = await makeOrganization(server)

    const { json } = await server.api.post(`/organizations/${organization.name}/audit-configuration/test`)

    const token = await insertToken(server.app.db, { kind: 'audit-trail', organizationId: organization.id })
    const trail = await server.as(token.token).get('/organization/audit-trail')
    expect(trail.json.data.map((e: { request: { id: string } }) => e.request.id)).to.include(json['request-id'])
  })
})
