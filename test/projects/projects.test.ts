import { expect } from 'chai'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('projects', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  const create = (organization: { name: string }, attributes: Record<string, unknown>) =>
    server.api.post(`/organizations/${organization.name}/projects`, document(attributes))
  const namesOf = (answer: { json: { data: { attributes: { name: string } }[] } }) =>
    answer.json.data.map((p) => p.attributes.name)

  it('are made, found by whole names and by a part of the name, changed and deleted', async () => {
    const acme = await makeOrganization(server)
    const made = await create(acme, { name: 'Platform team', description: 'all of it' })
    expect(made.status).to.equal(201)
    await create(acme, { name: 'Network' })
    const path = `/organizations/${acme.name}/projects`

    expect(namesOf(await server.api.get(path))).to.deep.equal(['Default Project', 'Network', 'Platform team'])
    expect(namesOf(await server.api.get(`${path}?filter[names]=Network,Platform+team`))).to.have.length(2)
    expect(namesOf(await server.api.get(`${path}?filter[names]=Net`))).to.deep.equal([])
    expect(namesOf(await server.api.get(`${path}?q=plat`))).to.deep.equal(['Platform team'])
    expect((await server.api.get(`${path}?page[size]=2`)).json.meta.pagination['total-count']).to.equal(3)

    const id = made.json.data.id
    const changed = await server.api.patch(`/projects/${id}`, document({ name: 'Platform' }))
    expect(changed.json.data.attributes).to.include({ name: 'Platform', description: 'all of it' })
    expect((await server.api.delete(`/projects/${id}`)).status).to.equal(204)
    expect((await server.api.get(`/projects/${id}`)).status).to.equal(404)
  })

  it('a name is taken once per organization, and names that could mislead answer 422', async () => {
    const acme = await makeOrganization(server)
    await create(acme, { name: 'Network' })

    expect((await create(acme, { name: 'network' })).json.errors[0].detail).to.equal('Name has already been taken')
    for (const name of ['../x', 'a/b', 'two\nlines', ' spaces ', "a'b'c", 'ab']) {
      expect((await create(acme, { name })).status, JSON.stringify(name)).to.equal(422)
    }
  })

  it('the default project and one with workspaces in it are not deleted', async () => {
    const acme = await makeOrganization(server)
    const project = (await create(acme, { name: 'Network' })).json.data
    const w = await makeWorkspace(server, acme)

    const moved = await server.api.post(`/projects/${project.id}/relationships/workspaces`, {
      data: [{ type: 'workspaces', id: w.id }],
    })

    expect(moved.status).to.equal(204)
    expect((await server.api.get(`/workspaces/${w.id}`)).json.data.relationships.project.data.id).to.equal(project.id)
    expect((await server.api.delete(`/projects/${project.id}`)).status).to.equal(409)
    expect((await server.api.delete(`/projects/${acme.projectId}`)).status).to.equal(403)
  })

  it('a member sees the projects of a role and of visible workspaces, and no others', async () => {
    const acme = await makeOrganization(server)
    const [one, two] = [
      (await create(acme, { name: 'One' })).json.data,
      (await create(acme, { name: 'Two' })).json.data,
    ]
    const w = await makeWorkspace(server, acme)
    const member = await makeMember(server, acme, { projects: { [one.id]: 'read' }, workspaces: { [w.id]: 'read' } })

    const listed = await member.api.get(`/organizations/${acme.name}/projects`)

    expect(namesOf(listed)).to.deep.equal(['Default Project', 'One'])
    expect(listed.json.meta.pagination['total-count']).to.equal(2)
    expect((await member.api.get(`/projects/${two.id}`)).status).to.equal(404)
    expect((await member.api.patch(`/projects/${one.id}`, document({ name: 'Mine' }))).status).to.equal(403)
    expect((await member.api.post(`/organizations/${acme.name}/projects`, document({ name: 'New' }))).status).to.equal(
      403,
    )
  })

  it('execution modes and agent pools of a project contradict each other with 422', async () => {
    const acme = await makeOrganization(server)

    const agent = await create(acme, { name: 'Agents', 'default-execution-mode': 'agent' })
    const pool = await create(acme, {
      name: 'Pool',
      'default-execution-mode': 'remote',
      'default-agent-pool-id': 'apool-1',
    })

    expect(agent.json.errors[0].detail).to.contain("must be specified when using 'agent' execution mode")
    expect(pool.json.errors[0].detail).to.contain("must not be specified unless using 'agent' execution mode")
  })
})
