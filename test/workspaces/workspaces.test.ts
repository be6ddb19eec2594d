import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('workspaces', () => {
  let server: TestServer
  let acme: Awaited<ReturnType<typeof makeOrganization>>
  before(async () => {
    server = await startServer()
    acme = await makeOrganization(server)
  })
  after(() => server.stop())

  it('a new workspace lies in the default project, runs remotely and carries what the CLI reads', async () => {
    const created = await server.api.post(`/organizations/${acme.name}/workspaces`, document({ name: 'first' }))

    expect(created.status).to.equal(201)
    const { attributes, relationships, links } = created.json.data
    expect(attributes).to.include({
      'terraform-version': 'latest',
      'execution-mode': 'remote',
      operations: true,
      locked: false,
      'structured-run-output-enabled': true,
      'vcs-repo': null,
    })
    expect(attributes.permissions).to.include({ 'can-queue-run': true, 'can-force-delete': true })
    expect(attributes.actions).to.deep.equal({ 'is-destroyable': true })
    expect(relationships.project.data.id).to.equal(acme.projectId)
    expect(relationships.organization.data).to.deep.equal({ type: 'organizations', id: acme.name })
    expect(links['self-html']).to.equal(`/app/${acme.name}/workspaces/first`)
    const byName = await server.api.get(`/organizations/${acme.name}/workspaces/FIRST`)
    expect(byName.json.data.id).to.equal(created.json.data.id)
  })

  it('a workspace that tofu creates is a tofu workspace', async () => {
    const headers = { 'User-Agent': 'OpenTofu/1.12.6' }
    const path = `/organizations/${acme.name}/workspaces`

    const tofu = await server.api('POST', path, document({ name: 'by-tofu' }), headers)
    const terraform = await server.api('POST', path, document({ name: 'by-terraform' }), { 'User-Agent': 'go-tfe' })

    expect(tofu.json.data.attributes).to.include({ engine: 'tofu', 'terraform-version': 'latest' })
    expect(terraform.json.data.attributes.engine).to.equal('terraform')
  })

  it('the version that the CLI pins is kept when it can be run, and refused with 422 when not', async () => {
    const w = await makeWorkspace(server, acme)
    const pin = (version: string | null) =>
      server.api.patch(`/workspaces/${w.id}`, document({ 'terraform-version': version }))

    for (const version of ['1.11.4', '~> 1.10.0', '>= 1.5, < 2.0', 'latest']) {
      expect((await pin(version)).json.data.attributes['terraform-version']).to.equal(version)
    }
    for (const version of ['1.12.6-dev', 'nonexisting', '1.2.3-rc1', '']) {
      const refused = await pin(version)
      expect(refused.status, version).to.equal(422)
      expect(refused.json.errors[0].source.pointer).to.equal('/data/attributes/terraform-version')
    }
    expect((await pin(null)).json.data.attributes['terraform-version']).to.equal('latest')
  })

  it('without downloads only versions that a living runner has are accepted', async () => {
    const offline = await startServer({ TOFUTF_ENGINE_DOWNLOAD: 'false' })
    try {
      const organization = await makeOrganization(offline)
      const w = await makeWorkspace(offline, organization)
      await offline.app.db.query(sql.void`
        insert into runners (id, name, concurrency, engines)
        values (${newId('runner')}, 'r', 1, ${sql.jsonb([{ name: 'terraform', version: '1.11.4' }])})`)
      const pin = async (version: string) =>
        (await offline.api.patch(`/workspaces/${w.id}`, document({ 'terraform-version': version }))).status

      expect(await pin('1.11.4')).to.equal(200)
      expect(await pin('1.9.0')).to.equal(422)
    } finally {
      await offline.stop()
    }
  })

  it('a change leaves out what the request leaves out, and null puts the default back', async () => {
    const w = await makeWorkspace(server, acme, { 'auto-apply': true, description: 'a "quoted" <b>text</b>' })

    const renamed = await server.api.patch(
      `/organizations/${acme.name}/workspaces/${w.attributes.name}`,
      document({ name: `${w.attributes.name}-2`, 'working-directory': 'infra/prod/' }),
    )
    expect(renamed.status).to.equal(200)
    expect(renamed.json.data.attributes).to.include({
      'auto-apply': true,
      description: 'a "quoted" <b>text</b>',
      'working-directory': 'infra/prod/',
    })

    const cleared = await server.api.patch(
      `/workspaces/${w.id}`,
      document({ 'working-directory': null, 'auto-apply': null }),
    )
    expect(cleared.json.data.attributes).to.include({ 'auto-apply': false, 'working-directory': '' })
  })

  it('API-04 an empty agent pool with execution mode remote or local is no pool', async () => {
    const w = await makeWorkspace(server, acme)

    for (const mode of ['remote', 'local']) {
      const answer = await server.api.patch(
        `/workspaces/${w.id}`,
        document({ 'execution-mode': mode, 'agent-pool-id': '' }),
      )
      expect(answer.status).to.equal(200)
      expect(answer.json.data.attributes).to.include({ 'execution-mode': mode, operations: mode === 'remote' })
      expect(answer.json.data.attributes['setting-overwrites']['execution-mode']).to.equal(true)
      expect(answer.json.data.relationships['agent-pool'].data).to.equal(null)
    }
  })

  it('execution mode agent needs a pool of the organization, and a pool needs execution mode agent', async () => {
    const w = await makeWorkspace(server, acme)
    const poolId = newId('apool')
    await server.app.db.query(sql.void`
      insert into agent_pools (id, organization_id, name)
      values (${poolId}, ${acme.id}, 'pool')`)
    const patch = (attributes: object) => server.api.patch(`/workspaces/${w.id}`, document(attributes as never))

    expect((await patch({ 'agent-pool-id': poolId })).json.errors[0].detail).to.contain(
      "must not be specified unless using 'agent' execution mode",
    )
    expect((await patch({ 'execution-mode': 'agent' })).status).to.equal(422)
    expect((await patch({ 'execution-mode': 'agent', 'agent-pool-id': 'apool-none' })).status).to.equal(422)
    expect((await patch({ 'execution-mode': 'remote', operations: true })).status).to.equal(422)
    const set = await patch({ 'execution-mode': 'agent', 'agent-pool-id': poolId })
    expect(set.json.data.relationships['agent-pool'].data.id).to.equal(poolId)
  })

  it('without a mode of its own a workspace follows its project, then its organization', async () => {
    const beta = await makeOrganization(server)
    await server.api.patch(`/organizations/${beta.name}`, document({ 'default-execution-mode': 'local' }))
    const w = await makeWorkspace(server, beta)
    const mode = async () => (await server.api.get(`/workspaces/${w.id}`)).json.data.attributes['execution-mode']
    const patch = (attributes: object) => server.api.patch(`/workspaces/${w.id}`, document(attributes as never))

    expect(await mode()).to.equal('local')
    await patch({ 'execution-mode': 'remote' })
    expect(await mode()).to.equal('remote')
    await patch({ 'setting-overwrites': { 'execution-mode': false, 'agent-pool': false } })
    expect(await mode()).to.equal('local')
    await server.api.patch(`/projects/${beta.projectId}`, document({ 'default-execution-mode': 'remote' }))
    expect(await mode()).to.equal('remote')
  })

  it('SEC-45 a working directory outside of the configuration answers 422 with its pointer', async () => {
    const w = await makeWorkspace(server, acme)

    for (const path of ['../../', '/etc', 'a/../../b', 'a\u0000b', 'x'.repeat(5000), '..', 'a\\..\\b', 'C:\\x']) {
      const answer = await server.api.patch(`/workspaces/${w.id}`, document({ 'working-directory': path }))
      expect(answer.status, path.slice(0, 20)).to.equal(422)
      expect(answer.json.errors[0].source.pointer).to.equal('/data/attributes/working-directory')
    }
  })

  it('SEC-46 a name that cannot stand in an address answers 422', async () => {
    for (const name of ['../x', '%2e%2e', "a'b", 'a"b', 'a\nb', 'a/b', 'wоrkspace', '', '.', 'x'.repeat(91)]) {
      const answer = await server.api.post(`/organizations/${acme.name}/workspaces`, document({ name }))
      expect(answer.status, JSON.stringify(name)).to.equal(422)
      expect(answer.json.errors[0].source.pointer).to.equal('/data/attributes/name')
    }
  })

  it('a name is taken once per organization, whatever its case', async () => {
    const w = await makeWorkspace(server, acme)

    const again = await server.api.post(
      `/organizations/${acme.name}/workspaces`,
      document({ name: w.attributes.name.toUpperCase() }),
    )

    expect(again.status).to.equal(422)
    expect(again.json.errors[0].detail).to.equal('Name has already been taken')
  })

  it('SEC-14 attributes that nobody may set, and another organization, change nothing', async () => {
    const other = await makeOrganization(server)
    const w = await makeWorkspace(server, acme)
    const evil = {
      id: 'ws-0000000000000000',
      'organization-id': other.id,
      organization_id: other.id,
      locked: true,
      'locked-by': 'user-1',
      'created-at': '2001-01-01T00:00:00Z',
      permissions: { 'can-destroy': false },
      'resource-count': 99,
    }
    const relationships = { organization: { data: { type: 'organizations', id: other.name } } }

    const patched = await server.api.patch(`/workspaces/${w.id}`, document(evil, relationships))
    const posted = await server.api.post(
      `/organizations/${acme.name}/workspaces`,
      document({ ...evil, name: 'posted' }, relationships),
    )
    const moved = await server.api.patch(
      `/workspaces/${w.id}`,
      document({}, { project: { data: { type: 'projects', id: other.projectId } } }),
    )

    expect(moved.status).to.equal(422)
    expect([patched.status, posted.status]).to.deep.equal([200, 201])
    for (const id of [w.id, posted.json.data.id]) {
      const { data } = (await server.api.get(`/workspaces/${id}`)).json
      expect(data.id).to.equal(id)
      expect(data.attributes).to.include({ locked: false, 'resource-count': 0 })
      expect(data.attributes['created-at']).to.match(/^20[2-9]/)
      expect(data.relationships.organization.data.id).to.equal(acme.name)
    }
  })

  it('a member creates only where a role allows it, and sees 404 for what is hidden', async () => {
    const w = await makeWorkspace(server, acme)
    const reader = await makeMember(server, acme, { workspaces: { [w.id]: 'read' } })
    const maintainer = await makeMember(server, acme, { projects: { [acme.projectId]: 'maintain' } })
    const path = `/organizations/${acme.name}/workspaces`

    expect((await reader.api.post(path, document({ name: 'mine' }))).status).to.be.oneOf([403, 404])
    expect((await maintainer.api.post(path, document({ name: 'ours' }))).status).to.equal(201)
    expect((await reader.api.patch(`/workspaces/${w.id}`, document({ name: 'mine' }))).status).to.equal(403)
    expect((await reader.api.delete(`/workspaces/${w.id}`)).status).to.equal(403)
    const stranger = await makeMember(server, acme)
    expect((await stranger.api.get(`/workspaces/${w.id}`)).status).to.equal(404)
  })
})

describe('deleting a workspace', () => {
  let server: TestServer
  let acme: Awaited<ReturnType<typeof makeOrganization>>
  before(async () => {
    server = await startServer()
    acme = await makeOrganization(server)
  })
  after(() => server.stop())

  const safely = (w: { id: string }) => server.api.post(`/workspaces/${w.id}/actions/safe-delete`)

  it('safely removes an unlocked workspace that manages nothing, by id and by name', async () => {
    const [one, two] = [await makeWorkspace(server, acme), await makeWorkspace(server, acme)]

    expect((await safely(one)).status).to.equal(204)
    const byName = `/organizations/${acme.name}/workspaces/${two.attributes.name}/actions/safe-delete`
    expect((await server.api.post(byName)).status).to.equal(204)
    expect((await server.api.get(`/workspaces/${one.id}`)).status).to.equal(404)
  })

  it('safely refuses a locked workspace, one whose state is being processed, and one that manages resources', async () => {
    const w = await makeWorkspace(server, acme)
    await server.api.post(`/workspaces/${w.id}/actions/lock`)
    expect((await safely(w)).json.errors[0].detail).to.contain('locked')
    await server.api.post(`/workspaces/${w.id}/actions/unlock`)

    const id = newId('sv')
    await server.app.db.query(sql.void`
      insert into state_versions (id, workspace_id, serial, md5) values (${id}, ${w.id}, 1, 'x')`)
    expect((await safely(w)).json.errors[0].detail).to.contain('being processed')

    await server.app.db.query(sql.void`
      update state_versions set status = 'finalized', resources_processed = true where id = ${id}`)
    await server.app.db.query(sql.void`
      update workspaces set current_state_version_id = ${id}, resource_count = 1 where id = ${w.id}`)
    const managing = await safely(w)
    expect(managing.status).to.equal(409)
    expect(managing.json.errors[0].detail).to.contain('still managing resources')
  })

  it('by force is for owners while resources remain, unless the organization lets admins', async () => {
    const w = await makeWorkspace(server, acme)
    await server.app.db.query(sql.void`update workspaces set resource_count = 1 where id = ${w.id}`)
    const admin = await makeMember(server, acme, { workspaces: { [w.id]: 'admin' } })

    expect((await admin.api.delete(`/workspaces/${w.id}`)).status).to.equal(403)
    await server.api.patch(`/organizations/${acme.name}`, document({ 'allow-force-delete-workspaces': true }))
    expect((await admin.api.delete(`/workspaces/${w.id}`)).status).to.equal(204)
  })
})
