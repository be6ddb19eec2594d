import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { finishPhase, losePhase } from '../../shared/runs/hold.ts'
import { appendLog } from '../../shared/runs/logs.ts'
import { phaseWork } from '../../shared/runs/work.ts'
import { startRun } from '../support/configurations.ts'
import { execute, finished, makeRunnable, statusOf, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('a phase and the time', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  it('QUEUE-07 a run that died in its apply frees the workspace: the next one starts', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const dead = await startRun(server.api, workspaceId, { 'auto-apply': true })
    const next = await startRun(server.api, workspaceId)
    await execute(server, dead, 'plan')
    await take(server, dead, 'apply')
    const before = await statusOf(server, next)

    await losePhase(server.app, dead, 'apply')
    await losePhase(server.app, dead, 'apply')

    expect([before, await statusOf(server, dead), await statusOf(server, next)]).to.deep.equal([
      'pending',
      'errored',
      'plan_queued',
    ])
  })

  it('QUEUE-08 an apply of many hours keeps its token and its claim to the end, and not longer', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId, { 'auto-apply': true })
    await execute(server, run, 'plan')
    const claim = await take(server, run, 'apply')
    const { token } = (await phaseWork(server.app, claim, server.url)).server!
    const read = async () => (await server.as(token).get(`/workspaces/${workspaceId}`)).status
    await server.app.db.query(sql.void`
      update tokens set created_at = created_at - interval '3 days'
      where phase_id = ${claim.phaseId}`)
    await server.app.db.query(sql.void`
      update phases set started_at = started_at - interval '3 days'
      where id = ${claim.phaseId}`)

    const during = await read()
    await server.app.db.transaction((tx) => appendLog(tx, claim.phaseId, claim.claim, Buffer.from('still here')))
    await finishPhase(server.app, claim, finished())

    expect(during).to.equal(200)
    expect(await statusOf(server, run)).to.equal('applied')
    expect(await read()).to.equal(401)
  })

  it('an apply whose job was lost before anybody took it is sent again', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId, { 'auto-apply': true })
    await execute(server, run, 'plan')

    await losePhase(server.app, run, 'apply')

    const { count } = await server.app.db.one(sql.type(z.object({ count: z.number() }))`
      select count(*)::int as count
      from pgboss.job
      where name = 'runs' and data ->> 'runId' = ${run} and data ->> 'phase' = 'apply'`)
    expect(await statusOf(server, run)).to.equal('apply_queued')
    expect(count).to.equal(2)
  })
})
