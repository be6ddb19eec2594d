import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { type Member, makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { countStatements } from '../support/statements.ts'

describe('API-12: what a list costs', () => {
  let server: TestServer
  let organization: Awaited<ReturnType<typeof makeOrganization>>
  let member: Member
  let workspace: { id: string; attributes: { name: string } }
  let varset: string
  before(async () => {
    server = await startServer()
    organization = await makeOrganization(server)
    workspace = await makeWorkspace(server, organization)
    member = await makeMember(server, organization, { workspaces: { [workspace.id]: 'admin' } })
    const made = await server.api.post(`/organizations/${organization.name}/varsets`, document({ name: 'shared' }))
    varset = made.json.data.id
  })
  after(() => server.stop())

  /** Rows `from` to `to` of everything that is listed, each run in a workspace of its own and all of one. */
  async function fill(from: number, to: number): Promise<void> {
    const { db } = server.app
    const n = sql.fragment`generate_series(${from}::int, ${to}::int) n`
    await db.query(sql.void`
      insert into workspaces (id, organization_id, project_id, name)
      select 'ws-n' || n, ${organization.id}, ${organization.projectId}, 'n-' || n from ${n}`)
    await db.query(sql.void`
      insert into team_workspaces (id, team_id, workspace_id, access)
      select 'tws-n' || n, ${member.teamId}, 'ws-n' || n, 'read' from ${n}`)
    await db.query(sql.void`
      insert into runs (id, workspace_id, organization_id, number, status, engine, engine_version, finished_at)
      select 'run-' || k || n, case k when 'n' then 'ws-n' || n else ${workspace.id} end, ${organization.id}, n, 'applied',
        'terraform', '1.11.4', now()
      from ${n}, unnest(array['n', 'm']) k`)
    await db.query(sql.void`
      insert into phases (id, run_id, kind, status, organization_id)
      select kind || '-' || k || n, 'run-' || k || n, kind, 'finished', ${organization.id}
      from ${n}, unnest(array['n', 'm']) k, unnest(array['plan', 'apply']) kind`)
    await db.query(sql.void`update workspaces set current_run_id = 'run-' || substr(id, 4) where id like 'ws-n%'`)
    await db.query(sql.void`
      insert into state_versions (id, workspace_id, serial, md5, status, finalized_at, run_id)
      select 'sv-n' || n, ${workspace.id}, n, md5(n::text), 'finalized', now(), 'run-m' || n from ${n}`)
    for (let i = from; i <= to; i++) {
      const variable = document({ key: `k${i}`, value: 'x', category: 'terraform', sensitive: i % 2 === 0 })
      expect((await server.api.post(`/workspaces/${workspace.id}/vars`, variable)).status).to.equal(201)
      expect((await server.api.post(`/varsets/${varset}/relationships/vars`, variable)).status).to.equal(201)
    }
  }

  it('API-12 it takes as many statements for 50 rows as for 5, whoever asks', async () => {
    const inOrganization = `filter[organization][name]=${organization.name}`
    const lists: Record<string, string> = {
      workspaces: `/organizations/${organization.name}/workspaces?page[size]=100`,
      'workspaces with what they include': `/organizations/${organization.name}/workspaces?page[size]=100&include=organization,project,current_run`,
      'runs of the organization': `/organizations/${organization.name}/runs?page[size]=100`,
      'runs of a workspace': `/workspaces/${workspace.id}/runs?page[size]=100`,
      'runs with what they include': `/workspaces/${workspace.id}/runs?page[size]=100&include=plan,apply,workspace,created_by`,
      'state versions': `/state-versions?${inOrganization}&filter[workspace][name]=${workspace.attributes.name}&page[size]=100`,
      variables: `/workspaces/${workspace.id}/vars`,
      'variables of a set': `/varsets/${varset}/relationships/vars`,
    }
    const measure = async () => {
      const counts: Record<string, { rows: number; statements: number }> = {}
      for (const [who, api] of Object.entries({ admin: server.api, member: member.api })) {
        for (const [name, path] of Object.entries(lists)) {
          let rows = 0
          const statements = await countStatements(server, async () => {
            const answer = await api.get(path)
            expect(answer.status, `${path} ${answer.text}`).to.equal(200)
            rows = answer.json.data.length
          })
          counts[`${name}, ${who}`] = { rows, statements }
        }
      }
      return counts
    }

    // the first use of a token is written down
    await Promise.all([server.api, member.api].map((api) => api.get('/account/details')))
    await fill(1, 5)
    const few = await measure()
    await fill(6, 50)
    const many = await measure()

    for (const [name, { rows, statements }] of Object.entries(many)) {
      expect(rows, name).to.be.at.least(50)
      expect(few[name]!.rows, name).to.be.below(20)
      expect(statements, name).to.equal(few[name]!.statements)
    }
  }).timeout(60_000)
})
