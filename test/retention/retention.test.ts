import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { expireData } from '../../shared/retention/expire.ts'
import { makeOrganization, makeWorkspace } from '../support/people.ts'
import { makeRunnable } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { putState } from '../support/states.ts'

describe('data retention', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  const policy = (path: string, days: number | null) =>
    server.api.post(`${path}/relationships/data-retention-policy`, {
      data: {
        type: days === null ? 'data-retention-policy-dont-deletes' : 'data-retention-policy-delete-olders',
        attributes: days === null ? {} : { 'delete-older-than-n-days': days },
      },
    })

  /** Makes everything in the workspace look as old as that. */
  async function age(workspaceId: string, days: number): Promise<void> {
    for (const table of ['state_versions', 'configuration_versions'])
      await server.app.db.query(sql.void`
        update ${sql.identifier([table])}
        set created_at = created_at - make_interval(days => ${days})
        where workspace_id = ${workspaceId}`)
  }

  const statusesOf = async (workspaceId: string): Promise<string[]> => {
    const rows = await server.app.db.any(sql.void`
      select status
      from state_versions
      where workspace_id = ${workspaceId}
      order by serial`)
    return (rows as unknown as { status: string }[]).map((row) => row.status)
  }

  async function workspaceWithThreeStates(organization: { name: string }): Promise<string> {
    const workspace = await makeWorkspace(server, organization)
    for (const serial of [1, 2, 3]) await putState(server.api, workspace.id, { serial, lineage: 'one' })
    return workspace.id
  }

  it('states older than the policy lose their bytes; the current one stays whatever its age', async () => {
    const organization = await makeOrganization(server)
    const workspaceId = await workspaceWithThreeStates(organization)
    await policy(`/organizations/${organization.name}`, 30)
    await age(workspaceId, 31)

    await expireData(server.app)

    expect(await statusesOf(workspaceId)).to.deep.equal([
      'backing_data_permanently_deleted',
      'backing_data_permanently_deleted',
      'finalized',
    ])
  })

  it("a workspace's own policy counts before its organization's", async () => {
    const organization = await makeOrganization(server)
    const [kept, shortened] = [
      await workspaceWithThreeStates(organization),
      await workspaceWithThreeStates(organization),
    ]
    await policy(`/organizations/${organization.name}`, 30)
    await policy(`/workspaces/${kept}`, null)
    await policy(`/workspaces/${shortened}`, 5)
    await age(kept, 400)
    await age(shortened, 6)

    await expireData(server.app)

    expect(await statusesOf(kept)).to.deep.equal(['finalized', 'finalized', 'finalized'])
    expect(await statusesOf(shortened)).to.deep.equal([
      'backing_data_permanently_deleted',
      'backing_data_permanently_deleted',
      'finalized',
    ])
  })

  it('nothing is deleted without a policy, nor before its time', async () => {
    const [without, young] = [await makeOrganization(server), await makeOrganization(server)]
    const [old, fresh] = [await workspaceWithThreeStates(without), await workspaceWithThreeStates(young)]
    await policy(`/organizations/${young.name}`, 30)
    await age(old, 4000)
    await age(fresh, 29)

    await expireData(server.app)

    for (const id of [old, fresh]) expect(await statusesOf(id)).to.deep.equal(['finalized', 'finalized', 'finalized'])
  })

  it('a configuration that an unfinished run needs stays, and one that nobody needs is archived', async () => {
    const organization = await makeOrganization(server)
    const used = await makeRunnable(server, organization.name)
    const relation = { workspace: { data: { type: 'workspaces', id: used.workspaceId } } }
    await server.api.post('/runs', document({}, relation))
    const unused = await makeRunnable(server, organization.name)
    await server.app.db.query(sql.void`
      update workspaces
      set current_configuration_version_id = null
      where id in (${used.workspaceId}, ${unused.workspaceId})`)
    await policy(`/organizations/${organization.name}`, 1)
    await age(used.workspaceId, 2)
    await age(unused.workspaceId, 2)

    await expireData(server.app)

    const status = async (id: string) =>
      (await server.api.get(`/configuration-versions/${id}`)).json.data.attributes.status
    expect(await status(used.configurationId)).to.equal('uploaded')
    expect(await status(unused.configurationId)).to.equal('archived')
  })

  it('a policy of another kind takes the place of the former', async () => {
    const organization = await makeOrganization(server)
    const path = `/organizations/${organization.name}`
    await policy(path, 7)

    await policy(path, null)

    const read = await server.api.get(`${path}/relationships/data-retention-policy`)
    expect(read.json.data.type).to.equal('data-retention-policy-dont-deletes')
    expect((await server.api.get(path)).json.data.relationships['data-retention-policy'].data).to.deep.equal({
      type: 'data-retention-policy-dont-deletes',
      id: read.json.data.id,
    })
  })
})
