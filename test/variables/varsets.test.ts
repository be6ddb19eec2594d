import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { effectiveVariables } from '../../shared/variables/effective.ts'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('variable sets', () => {
  let server: TestServer
  let acme: Awaited<ReturnType<typeof makeOrganization>>
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())
  beforeEach(async () => {
    acme = await makeOrganization(server)
  })

  async function makeSet(
    name: string,
    values: Record<string, string>,
    attributes: object = {},
    relationships?: object,
  ) {
    const answer = await server.api.post(
      `/organizations/${acme.name}/varsets`,
      document({ name, global: false, ...attributes }, relationships as never),
    )
    expect(answer.status, answer.text).to.equal(201)
    const { id } = answer.json.data
    for (const [key, value] of Object.entries(values)) {
      const variable = document({ key, value, category: 'terraform' })
      expect((await server.api.post(`/varsets/${id}/relationships/vars`, variable)).status).to.equal(201)
    }
    return id as string
  }
  const apply = (id: string, target: 'workspaces' | 'projects', targetId: string) =>
    server.api.post(`/varsets/${id}/relationships/${target}`, { data: [{ type: target, id: targetId }] })

  /** Key → value as a run sees it. */
  async function seen(workspaceId: string, runVariables: { key: string; value: string }[] = []) {
    const scope = { workspaceId, projectId: acme.projectId, organizationId: acme.id }
    const variables = await effectiveVariables(server.app, server.app.db, scope, runVariables)
    return Object.fromEntries(variables.map((v) => [v.key, v.value]))
  }

  it('API-05 a name is free in another organization and taken in its own', async () => {
    await makeSet('shared', {})
    const again = await server.api.post(
      `/organizations/${acme.name}/varsets`,
      document({ name: 'shared', global: false }),
    )
    acme = await makeOrganization(server)
    await makeSet('shared', {})

    expect(again.status).to.equal(422)
    expect(again.json.errors[0].detail).to.equal('Name has already been taken')
  })

  it('API-06 a deleted set is gone from the workspace, from runs, and from every table', async () => {
    const w = await makeWorkspace(server, acme)
    const id = await makeSet('set', { a: '1', b: '2' })
    await apply(id, 'workspaces', w.id)
    expect(await seen(w.id)).to.deep.equal({ a: '1', b: '2' })

    expect((await server.api.delete(`/varsets/${id}`)).status).to.equal(204)

    expect((await server.api.get(`/workspaces/${w.id}/varsets`)).json.data).to.deep.equal([])
    expect(await seen(w.id)).to.deep.equal({})
    const left = await server.app.db.oneFirst(sql.type(z.object({ count: z.number() }))`
      select ((select count(*) from variables where varset_id = ${id})
        + (select count(*) from varset_workspaces where varset_id = ${id}))::int as count`)
    expect(left).to.equal(0)
  })

  it('CORE-17 the workspace wins over its sets, and of equal sets the lexically first name', async () => {
    const w = await makeWorkspace(server, acme)
    for (const name of ['B', 'A']) await apply(await makeSet(name, { a: `of ${name}` }), 'workspaces', w.id)
    const own = await server.api.post(
      `/workspaces/${w.id}/vars`,
      document({ key: 'a', value: 'own', category: 'terraform' }),
    )

    expect((await seen(w.id)).a).to.equal('own')
    await server.api.delete(`/workspaces/${w.id}/vars/${own.json.data.id}`)
    expect((await seen(w.id)).a).to.equal('of A')
  })

  it('the narrower set wins, a priority set wins over the workspace, and a run has the last word', async () => {
    const w = await makeWorkspace(server, acme)
    await makeSet('global', { a: 'global', b: 'global', c: 'global', d: 'global' }, { global: true })
    await apply(await makeSet('project', { b: 'project', c: 'project', d: 'project' }), 'projects', acme.projectId)
    await apply(await makeSet('workspace', { c: 'set', d: 'set' }), 'workspaces', w.id)
    await server.api.post(`/workspaces/${w.id}/vars`, document({ key: 'd', value: 'own', category: 'terraform' }))
    expect(await seen(w.id)).to.deep.equal({ a: 'global', b: 'project', c: 'set', d: 'own' })

    await makeSet('first', { d: 'priority', a: 'priority' }, { global: true, priority: true })
    expect(await seen(w.id)).to.include({ a: 'priority', d: 'priority' })
    expect(await seen(w.id, [{ key: 'd', value: '"run"' }])).to.include({ d: '"run"' })
    const all = await server.api.get(`/workspaces/${w.id}/all-vars`)
    expect(all.json.data).to.have.length(4)
  })

  it('tell what they apply to, and are applied to nothing outside of their organization', async () => {
    const [one, two] = [await makeWorkspace(server, acme), await makeWorkspace(server, acme)]
    const id = await makeSet('set', { a: '1' }, { description: 'for two' })
    await apply(id, 'workspaces', one.id)

    const replaced = await server.api.patch(
      `/varsets/${id}?include=workspaces,vars`,
      document({ global: false }, { workspaces: { data: [{ type: 'workspaces', id: two.id }] } }),
    )
    expect(replaced.json.data.relationships.workspaces.data).to.deep.equal([{ type: 'workspaces', id: two.id }])
    expect(replaced.json.data.attributes).to.include({ description: 'for two', 'var-count': 1, 'workspace-count': 1 })
    expect(replaced.json.included.map((r: { type: string }) => r.type)).to.have.members(['workspaces', 'vars'])
    await server.api.delete(`/varsets/${id}/relationships/workspaces`, { data: [{ type: 'workspaces', id: two.id }] })
    expect(await seen(two.id)).to.deep.equal({})

    const other = await makeWorkspace(server, await makeOrganization(server))
    expect((await apply(id, 'workspaces', other.id)).status).to.equal(422)
  })

  it('a set that a project owns serves only that project', async () => {
    const id = await makeSet(
      'owned',
      { a: '1' },
      { global: true },
      { parent: { data: { type: 'projects', id: acme.projectId } } },
    )
    const inside = await makeWorkspace(server, acme)
    const project = (await server.api.post(`/organizations/${acme.name}/projects`, document({ name: 'Other' }))).json
      .data
    const outside = await makeWorkspace(server, acme, {}, { project: { data: { type: 'projects', id: project.id } } })

    expect((await server.api.get(`/varsets/${id}`)).json.data.relationships.parent.data.type).to.equal('projects')
    expect((await server.api.get(`/workspaces/${inside.id}/varsets`)).json.data).to.have.length(1)
    expect((await server.api.get(`/workspaces/${outside.id}/varsets`)).json.data).to.have.length(0)
    expect((await apply(id, 'workspaces', outside.id)).status).to.equal(422)
  })

  it('a sensitive variable of a set is null to readers, and members change nothing', async () => {
    const id = await makeSet('set', {})
    const w = await makeWorkspace(server, acme)
    const hidden = await makeWorkspace(server, acme)
    await apply(id, 'workspaces', w.id)
    await apply(id, 'workspaces', hidden.id)
    const secret = await server.api.post(
      `/varsets/${id}/relationships/vars`,
      document({ key: 's', value: 'hush', category: 'env', sensitive: true }),
    )
    const member = await makeMember(server, acme, { workspaces: { [w.id]: 'admin' } })

    const read = await member.api.get(`/varsets/${id}/relationships/vars/${secret.json.data.id}`)
    expect(read.json.data.attributes.value).to.equal(null)
    expect((await member.api.get(`/varsets/${id}`)).json.data.relationships.workspaces.data).to.have.length(1)
    expect((await member.api.patch(`/varsets/${id}`, document({ name: 'mine' }))).status).to.equal(403)
    expect((await member.api.delete(`/varsets/${id}`)).status).to.equal(403)
    const stranger = await makeMember(server, await makeOrganization(server))
    expect((await stranger.api.get(`/varsets/${id}`)).status).to.equal(404)
  })
})
