import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { deleteOldRuns } from '../../shared/retention/old-runs.ts'
import { startRun } from '../support/configurations.ts'
import { execute, makeRunnable } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { finish, take } from '../support/worker.ts'

describe('runs that are older than the server keeps them', () => {
  let server: TestServer
  before(async () => {
    server = await startServer({ TOFUTF_RUN_RETENTION_DAYS: '30' })
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  const age = (id: string, days: number) =>
    server.app.db.query(sql.void`
      update runs
      set created_at = created_at - make_interval(days => ${days}), updated_at = updated_at - make_interval(days => ${days}),
        finished_at = finished_at - make_interval(days => ${days})
      where id = ${id}`)

  async function applied(workspaceId: string): Promise<string> {
    const id = await startRun(server.api, workspaceId, { 'auto-apply': true })
    await execute(server, id, 'plan')
    await finish(server.app, await take(server.app, id, 'apply'), {})
    return id
  }

  const statusOf = async (id: string) => (await server.api.get(`/runs/${id}`)).status

  it('API-10 a run of 40 days that waits for a confirmation is kept, one that was applied goes', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const old = await applied(workspaceId)
    const recent = await applied(workspaceId)
    const waiting = await startRun(server.api, workspaceId)
    await execute(server, waiting, 'plan')
    for (const id of [old, waiting]) await age(id, 40)
    await age(recent, 20)

    const count = await deleteOldRuns(server.app)

    expect(count).to.equal(1)
    expect(await Promise.all([old, recent, waiting].map(statusOf))).to.deep.equal([404, 200, 200])
    expect((await server.api.post(`/runs/${waiting}/actions/apply`, {})).status).to.equal(202)
    const left = await server.app.db.any(sql.type(z.object({ id: z.string() }))`
      select id
      from phases
      where run_id = ${old}`)
    expect(left).to.be.empty
  })

  it('what a workspace still points at stays: its current run', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const current = await applied(workspaceId)
    await age(current, 400)

    await deleteOldRuns(server.app)

    expect(await statusOf(current)).to.equal(200)
  })

  it('without the setting nothing is deleted', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const [old] = [await applied(workspaceId), await applied(workspaceId)]
    await age(old, 4000)
    const { runRetentionDays: _, ...config } = server.app.config

    expect(await deleteOldRuns({ ...server.app, config: { ...config, runRetentionDays: undefined } })).to.equal(0)
    expect(await statusOf(old)).to.equal(200)
  })
})
