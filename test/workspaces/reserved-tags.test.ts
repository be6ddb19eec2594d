import { expect } from 'chai'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('reserved tag keys', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  const bindings = (...pairs: [string, string][]) => ({
    data: pairs.map(([key, value]) => ({ type: 'tag-bindings', attributes: { key, value } })),
  })

  it("a key that may not be overridden keeps the project's value in each of its workspaces", async () => {
    const organization = await makeOrganization(server)
    await server.api.post(
      `/organizations/${organization.name}/reserved-tag-keys`,
      document({ key: 'cost-center', 'disable-overrides': true }),
    )
    await server.api.patch(`/projects/${organization.projectId}/tag-bindings`, bindings(['cost-center', '42']))
    const workspace = await makeWorkspace(server, organization)

    const overridden = await server.api.patch(
      `/workspaces/${workspace.id}/tag-bindings`,
      bindings(['cost-center', '7']),
    )
    const other = await server.api.patch(`/workspaces/${workspace.id}/tag-bindings`, bindings(['env', 'test']))

    expect(overridden.status).to.equal(422)
    expect(overridden.json.errors[0].detail).to.match(/"cost-center" is reserved/)
    expect(other.status).to.equal(200)
  })

  it('a reserved key that allows overrides, or that the project does not have, is free', async () => {
    const organization = await makeOrganization(server)
    const path = `/organizations/${organization.name}/reserved-tag-keys`
    await server.api.post(path, document({ key: 'env' }))
    await server.api.post(path, document({ key: 'owner', 'disable-overrides': true }))
    await server.api.patch(`/projects/${organization.projectId}/tag-bindings`, bindings(['env', 'prod']))
    const workspace = await makeWorkspace(server, organization)

    const answer = await server.api.patch(
      `/workspaces/${workspace.id}/tag-bindings`,
      bindings(['env', 'test'], ['owner', 'ana']),
    )

    expect(answer.status).to.equal(200)
  })

  it('members read the keys, and those who manage workspaces change them', async () => {
    const organization = await makeOrganization(server)
    const path = `/organizations/${organization.name}/reserved-tag-keys`
    const member = await makeMember(server, organization)
    const manager = await makeMember(server, organization, { flags: ['manage-workspaces'] })

    expect((await member.api.post(path, document({ key: 'a' }))).status).to.equal(403)
    expect((await manager.api.post(path, document({ key: 'a' }))).status).to.equal(201)
    expect((await member.api.get(path)).json.data[0].attributes.key).to.equal('a')
  })
})
