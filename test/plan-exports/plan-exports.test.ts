import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { extract } from 'tar-stream'
import { sql } from '../../db/sql.ts'
import { expirePlanExports } from '../../shared/plan-exports/exports.ts'
import { finishPhase, keepArtifact } from '../../shared/runs/hold.ts'
import { makePlanExport } from '../../worker/background/plan-export.ts'
import { makeMember, makeOrganization } from '../support/people.ts'
import { finished, makeRunnable, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('plan exports', () => {
  let server: TestServer
  let organization: { name: string; id: string }
  before(async () => {
    server = await startServer()
    organization = await makeOrganization(server)
  })
  after(() => server.stop())

  const planJson = {
    terraform_version: '1.11.4',
    variables: { size: { value: 3 } },
    planned_values: { root_module: { child_modules: [{ resources: [{ address: 'module.a.null_resource.x' }] }] } },
    resource_changes: [{ address: 'module.a.null_resource.x', change: { actions: ['create'] } }],
  }

  async function plannedRun(json: object | null = planJson): Promise<{ planId: string; workspaceId: string }> {
    const { workspaceId } = await makeRunnable(server, organization.name)
    const relation = { workspace: { data: { type: 'workspaces', id: workspaceId } } }
    const { data } = (await server.api.post('/runs', document({}, relation))).json
    const claim = await take(server, data.id, 'plan')
    if (json) {
      const blob = await server.app.blobs.put(Readable.from([Buffer.from(JSON.stringify(json))]), {
        maxBytes: 1e6,
        tooLarge: '',
      })
      await keepArtifact(server.app, claim, 'plan-json', blob.id)
    }
    await finishPhase(server.app, claim, finished())
    return { planId: data.relationships.plan.data.id, workspaceId }
  }

  const exportOf = (planId: string, api = server.api) =>
    api.post(
      '/plan-exports',
      document({ 'data-type': 'sentinel-mock-bundle-v0' }, { plan: { data: { type: 'plans', id: planId } } }),
    )

  const download = (id: string) =>
    fetch(`${server.url}/api/v2/plan-exports/${id}/download`, {
      headers: { authorization: `Bearer ${server.siteToken}` },
    })

  it("a finished export is an archive of mocks with the plan's data, by address", async () => {
    const { planId } = await plannedRun()
    const made = await exportOf(planId)
    const { id } = made.json.data
    expect(made.json.data.attributes.status).to.equal('queued')
    expect((await download(id)).status).to.equal(404)

    await makePlanExport(server.app, id)
    await makePlanExport(server.app, id)

    expect((await server.api.get(`/plan-exports/${id}`)).json.data.attributes.status).to.equal('finished')
    const files = new Map<string, string>()
    const reader = Readable.from([gunzipSync(Buffer.from(await (await download(id)).arrayBuffer()))]).pipe(extract())
    for await (const entry of reader) {
      const parts: Buffer[] = []
      for await (const part of entry) parts.push(part as Buffer)
      files.set(entry.header.name, Buffer.concat(parts).toString())
    }
    expect([...files.keys()]).to.include.members(['sentinel.hcl', 'mock-tfplan-v2.sentinel', 'mock-tfrun.sentinel'])
    expect(files.get('mock-tfplan-v2.sentinel'))
      .to.match(/^terraform_version = "1.11.4"$/m)
      .and.include('"module.a.null_resource.x"')
    expect(files.get('sentinel.hcl')).to.include('mock "tfplan/v2"')
  })

  it('an hour later its bytes are gone and it answers 410', async () => {
    const { planId } = await plannedRun()
    const { id } = (await exportOf(planId)).json.data
    await makePlanExport(server.app, id)
    await server.app.db.query(sql.void`update plan_exports set created_at = now() - interval '61 minutes'`)

    await expirePlanExports(server.app)

    expect((await server.api.get(`/plan-exports/${id}`)).json.data.attributes.status).to.equal('expired')
    expect((await download(id)).status).to.equal(410)
  })

  it('a plan without data cannot be exported', async () => {
    const { planId } = await plannedRun(null)

    expect((await exportOf(planId)).status).to.equal(422)
  })

  it('whoever may not read the values of a plan may not export it', async () => {
    const { planId, workspaceId } = await plannedRun()
    const reader = await makeMember(server, organization, { workspaces: { [workspaceId]: 'read' } })
    const stranger = await makeMember(server, organization)

    expect((await exportOf(planId, reader.api)).status).to.equal(403)
    expect((await exportOf(planId, stranger.api)).status).to.equal(404)
  })
})
