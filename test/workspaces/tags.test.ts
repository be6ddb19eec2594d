import { expect } from 'chai'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('tags', () => {
  let server: TestServer
  let acme: Awaited<ReturnType<typeof makeOrganization>>
  before(async () => {
    server = await startServer()
    acme = await makeOrganization(server)
  })
  after(() => server.stop())

  const flat = (...names: string[]) => ({ data: names.map((name) => ({ type: 'tags', attributes: { name } })) })
  const pairs = (given: Record<string, string | undefined>) => ({
    data: Object.entries(given).map(([key, value]) => ({
      type: 'tag-bindings',
      attributes: { key, ...(value !== undefined && { value }) },
    })),
  })
  const tagNames = async (w: { id: string }) =>
    (await server.api.get(`/workspaces/${w.id}`)).json.data.attributes['tag-names']

  it('a workspace gets plain tags by name and by id, and gives them back', async () => {
    const [one, two] = [await makeWorkspace(server, acme), await makeWorkspace(server, acme)]
    const path = `/workspaces/${one.id}/relationships/tags`

    expect((await server.api.post(path, flat('app', 'net'))).status).to.equal(204)
    expect(await tagNames(one)).to.deep.equal(['app', 'net'])
    const listed = await server.api.get(path)
    expect(listed.json.data.map((t: { attributes: { name: string } }) => t.attributes.name)).to.deep.equal([
      'app',
      'net',
    ])
    const id = listed.json.data[0].id
    await server.api.post(`/workspaces/${two.id}/relationships/tags`, { data: [{ type: 'tags', id }] })
    expect(await tagNames(two)).to.deep.equal(['app'])

    const removed = await server.api.delete(path, { data: [{ type: 'tags', id }, ...flat('none').data] })
    expect(removed.status).to.equal(204)
    expect(await tagNames(one)).to.deep.equal(['net'])
  })

  it('tag bindings merge by key, and a relationship of the workspace replaces them all', async () => {
    const w = await makeWorkspace(server, acme)
    const path = `/workspaces/${w.id}/tag-bindings`
    expect((await server.api.get(path)).json.data).to.deep.equal([])

    const first = await server.api.patch(path, pairs({ env: 'dev', app: undefined }))
    expect(first.status).to.equal(200)
    const merged = await server.api.patch(path, pairs({ env: 'prod' }))
    expect(merged.json.data.map((b: { attributes: object }) => b.attributes)).to.deep.equal([
      { key: 'env', value: 'prod' },
      { key: 'app', value: '' },
    ])
    expect(await tagNames(w)).to.deep.equal(['env', 'app'])

    await server.api.patch(`/workspaces/${w.id}`, document({}, { 'tag-bindings': { data: [] } }))
    expect((await server.api.get(path)).json.data).to.deep.equal([])
  })

  it('26 tags are too many for one workspace', async () => {
    const w = await makeWorkspace(server, acme)

    const answer = await server.api.post(
      `/workspaces/${w.id}/relationships/tags`,
      flat(...Array.from({ length: 26 }, (_, i) => `t${i}`)),
    )

    expect(answer.status).to.equal(422)
    expect(await tagNames(w)).to.deep.equal([])
  })

  it('a workspace inherits the tags of its project, and its own value wins', async () => {
    const beta = await makeOrganization(server)
    const w = await makeWorkspace(server, beta)
    await server.api.patch(`/projects/${beta.projectId}/tag-bindings`, pairs({ cost: '42', env: 'all' }))
    await server.api.patch(`/workspaces/${w.id}/tag-bindings`, pairs({ env: 'prod' }))

    const { json } = await server.api.get(`/workspaces/${w.id}/effective-tag-bindings`)

    expect(json.data.map((b: { attributes: object }) => b.attributes)).to.deep.equal([
      { key: 'env', value: 'prod' },
      { key: 'cost', value: '42' },
    ])
    expect(json.data[1].links['inherited-from']).to.equal(`/api/v2/projects/${beta.projectId}`)
    expect((await server.api.get(`/projects/${beta.projectId}/effective-tag-bindings`)).json.data).to.have.length(2)
  })

  it('an organization lists its tags with their number of workspaces, gives one to others and deletes it everywhere', async () => {
    const beta = await makeOrganization(server)
    const [one, two] = [await makeWorkspace(server, beta), await makeWorkspace(server, beta)]
    await server.api.post(`/workspaces/${one.id}/relationships/tags`, flat('shared', 'only-one'))
    const list = () => server.api.get(`/organizations/${beta.name}/tags`)

    const before = (await list()).json.data
    const shared = before.find((t: { attributes: { name: string } }) => t.attributes.name === 'shared')
    await server.api.post(`/tags/${shared.id}/relationships/workspaces`, { data: [{ type: 'workspaces', id: two.id }] })
    expect((await list()).json.data.map((t: { attributes: object }) => t.attributes)).to.deep.equal([
      { name: 'only-one', 'instance-count': 1 },
      { name: 'shared', 'instance-count': 2 },
    ])

    await server.api.delete(`/organizations/${beta.name}/tags`, { data: [{ type: 'tags', id: shared.id }] })
    expect(await tagNames(two)).to.deep.equal([])
  })

  it('somebody who only reads a workspace cannot tag it', async () => {
    const w = await makeWorkspace(server, acme)
    const reader = await makeMember(server, acme, { workspaces: { [w.id]: 'read' } })

    expect((await reader.api.post(`/workspaces/${w.id}/relationships/tags`, flat('x'))).status).to.equal(403)
    expect((await reader.api.get(`/workspaces/${w.id}/tag-bindings`)).status).to.equal(200)
  })
})
