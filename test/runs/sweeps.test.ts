import { Readable } from 'node:stream'
import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { finishPhase } from '../../shared/runs/hold.ts'
import { replaceVanishedJobs } from '../../shared/runs/repair.ts'
import { sweep, sweeps } from '../../worker/background/sweep.ts'
import { removeUnusedBlobs, selectBlobReferences } from '../../worker/background/unused-blobs.ts'
import { startRun } from '../support/configurations.ts'
import { execute, finished, makeRunnable, statusOf, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('the sweeps', () => {
  let server: TestServer
  before(async () => {
    server = await startServer({ TOFUTF_FORCE_CANCEL_COOLOFF: '0', TOFUTF_CANCEL_GRACE: '1' })
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  const attributesOf = async (run: string) => (await server.api.get(`/runs/${run}`)).json.data.attributes
  const act = (run: string, action: string) => server.api.post(`/runs/${run}/actions/${action}`, {})
  const jobsOf = async (run: string, phase: string) =>
    (await server.app.queue.boss.findJobs('runs', { data: { runId: run, phase } })).filter((j) => j.state === 'created')
  const deleteJobs = (run: string) =>
    server.app.db.query(sql.void`delete from pgboss.job where data ->> 'runId' = ${run}`)
  const started = (run: string, minutes: number) =>
    server.app.db.query(sql.void`
      update phases
      set started_at = now() - make_interval(mins => ${minutes})
      where run_id = ${run} and status = 'running'`)
  const newRun = async (attributes: Record<string, unknown> = {}) => {
    const { workspaceId } = await makeRunnable(server, 'acme', attributes)
    return { workspaceId, run: await startRun(server.api, workspaceId) }
  }

  it('a missed promotion is repaired, also when it is repaired twice', async () => {
    const { workspaceId, run: first } = await newRun()
    const second = await startRun(server.api, workspaceId)
    await server.app.db.query(sql.void`update runs set status = 'errored', finished_at = now() where id = ${first}`)
    await server.app.db.query(sql.void`update workspaces set holder_run_id = null where id = ${workspaceId}`)

    await sweep(server.app, 'missed-promotions')
    await sweep(server.app, 'missed-promotions')

    expect(await statusOf(server, second)).to.equal('plan_queued')
    expect(await jobsOf(second, 'plan')).to.have.length(1)
  })

  it('a phase that a limit holds back though there is room is sent', async () => {
    await server.api.post('/organizations', document({ name: 'tight', email: 'a@b.c', 'concurrent-run-limit': 1 }))
    await startRun(server.api, (await makeRunnable(server, 'tight')).workspaceId)
    const run = await startRun(server.api, (await makeRunnable(server, 'tight')).workspaceId)
    await server.app.db.query(sql.void`
      update organizations set settings = settings - 'concurrent-run-limit' where name = 'tight'`)

    await sweep(server.app, 'missed-dispatches')
    await sweep(server.app, 'missed-dispatches')

    expect(await jobsOf(run, 'plan')).to.have.length(1)
  })

  it('QUEUE-20 a queued phase whose job is gone gets a new one, with its turn', async () => {
    const { run } = await newRun()
    const [before] = await jobsOf(run, 'plan')
    await deleteJobs(run)

    await replaceVanishedJobs(server.app, 0)
    await replaceVanishedJobs(server.app, 0)

    const after = await jobsOf(run, 'plan')
    expect(after).to.have.length(1)
    expect(after[0]!.priority).to.equal(before!.priority)
  })

  it('QUEUE-20 a run that plans without a job is planned again, and what its first worker still writes is refused', async () => {
    const { workspaceId, run } = await newRun()
    const next = await startRun(server.api, workspaceId)
    const first = await take(server, run, 'plan')
    await deleteJobs(run)

    await replaceVanishedJobs(server.app, 0)
    const again = await take(server, run, 'plan')
    const late = await finishPhase(server.app, first, finished(false)).catch((error: Error) => error.constructor.name)
    await finishPhase(server.app, again, finished(false))

    expect(late).to.equal('ClaimLost')
    expect(await statusOf(server, run)).to.equal('planned_and_finished')
    expect(await statusOf(server, next)).to.equal('plan_queued')
  })

  it('QUEUE-20 an apply without a job is never repeated: the run ends errored and the next one starts', async () => {
    const { workspaceId, run } = await newRun()
    const next = await startRun(server.api, workspaceId)
    await execute(server, run, 'plan')
    await act(run, 'apply')
    await take(server, run, 'apply')
    await deleteJobs(run)

    await replaceVanishedJobs(server.app, 0)

    expect(await statusOf(server, run)).to.equal('errored')
    expect((await attributesOf(run))['error-reason']).to.contain('worker was lost')
    expect(await statusOf(server, next)).to.equal('plan_queued')
  })

  it('QUEUE-20 a run that plans without a job can be canceled, and the next one starts', async () => {
    const { workspaceId, run } = await newRun()
    const next = await startRun(server.api, workspaceId)
    await take(server, run, 'plan')
    await deleteJobs(run)

    expect((await act(run, 'cancel')).status).to.equal(202)
    expect((await act(run, 'force-cancel')).status).to.equal(202)

    expect(await statusOf(server, run)).to.equal('canceled')
    expect(await statusOf(server, next)).to.equal('plan_queued')
  })

  it('a phase whose job waits or runs is left alone', async () => {
    const { run } = await newRun()

    await replaceVanishedJobs(server.app, 0)

    expect(await jobsOf(run, 'plan')).to.have.length(1)
  })

  it('a plan beyond plan-timeout is interrupted; its run ends canceled and says the limit', async () => {
    const { run } = await newRun()
    const claim = await take(server, run, 'plan')
    await started(run, 119)
    await sweep(server.app, 'overdue-phases')
    const inTime = await wishOf(run)
    await started(run, 121)

    await sweep(server.app, 'overdue-phases')
    const overdue = await wishOf(run)
    await finishPhase(server.app, claim, { outcome: 'canceled' })

    expect([inTime, overdue]).to.deep.equal([null, 'cancel'])
    const attributes = await attributesOf(run)
    expect(attributes.status).to.equal('canceled')
    expect(attributes['error-reason']).to.match(/^The plan took longer than 120 minutes, the limit/)
  })

  const wishOf = async (run: string) =>
    (
      await server.app.db.one(sql.type(z.object({ stop_wish: z.string().nullable() }))`
        select stop_wish
        from runs
        where id = ${run}`)
    ).stop_wish

  it('an apply beyond apply-timeout whose engine does not end is cut off, and its late report is refused', async () => {
    await server.api.patch('/organizations/acme', document({ 'apply-timeout': 1 }))
    const { run } = await newRun()
    await execute(server, run, 'plan')
    await act(run, 'apply')
    const claim = await take(server, run, 'apply')
    await started(run, 2)

    await sweep(server.app, 'overdue-phases')
    const interrupted = await statusOf(server, run)
    await server.app.db.query(sql.void`
      update runs set force_cancel_available_at = now() - interval '2 seconds' where id = ${run}`)
    await sweep(server.app, 'overdue-phases')
    const late = await finishPhase(server.app, claim, finished()).catch((error: Error) => error.constructor.name)

    expect(interrupted).to.equal('applying')
    expect(late).to.equal('ClaimLost')
    const attributes = await attributesOf(run)
    expect(attributes.status).to.equal('canceled')
    expect(attributes['error-reason']).to.contain('apply-timeout').and.contain('may be lost')
  })

  it('a limit of less than a minute is refused', async () => {
    for (const name of ['plan-timeout', 'apply-timeout'])
      expect((await server.api.patch('/organizations/acme', document({ [name]: 0 }))).status).to.equal(422)
  })

  it('a plan that nobody confirms within the workspace’s time is discarded, and the next run starts', async () => {
    const { workspaceId, run } = await newRun({ 'unconfirmed-plan-timeout-minutes': 30 })
    const next = await startRun(server.api, workspaceId)
    await execute(server, run, 'plan')
    const minutes = (n: number) => new Date(Date.now() - n * 60_000).toISOString()
    const planned = (at: string) =>
      server.app.db.query(sql.void`
        update runs set status_timestamps = status_timestamps || ${sql.jsonb({ 'planned-at': at })} where id = ${run}`)

    await planned(minutes(29))
    await sweep(server.app, 'unconfirmed-plans')
    const inTime = await statusOf(server, run)
    await planned(minutes(31))
    await sweep(server.app, 'unconfirmed-plans')

    expect(inTime).to.equal('planned')
    const attributes = await attributesOf(run)
    expect(attributes.status).to.equal('discarded')
    expect(attributes['error-reason']).to.contain('within 30 minutes')
    expect(await statusOf(server, next)).to.equal('plan_queued')
  })

  it('a workspace that discards superseded runs keeps the newest only; one that does not keeps all', async () => {
    const { workspaceId, run: first } = await newRun({ 'discard-superseded-runs': true })
    const second = await startRun(server.api, workspaceId)
    await execute(server, first, 'plan')

    const third = await startRun(server.api, workspaceId)

    expect(await statusOf(server, first)).to.equal('discarded')
    expect(await statusOf(server, second)).to.equal('discarded')
    expect(await statusOf(server, third)).to.equal('plan_queued')
    expect((await attributesOf(first))['error-reason']).to.equal(`Discarded: ${third} is newer.`)
    const fourth = await startRun(server.api, workspaceId)
    expect(await statusOf(server, third)).to.equal('plan_queued')
    expect(await statusOf(server, fourth)).to.equal('pending')
  })

  it('both options of a workspace are in its document and validated', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme', { 'discard-superseded-runs': true })
    const change = (attributes: Record<string, unknown>) =>
      server.api.patch(`/workspaces/${workspaceId}`, document(attributes))

    const set = await change({ 'unconfirmed-plan-timeout-minutes': 5 })

    expect(set.json.data.attributes).to.include({
      'discard-superseded-runs': true,
      'unconfirmed-plan-timeout-minutes': 5,
    })
    for (const wrong of [0, 1.5, 'soon', -1]) {
      expect((await change({ 'unconfirmed-plan-timeout-minutes': wrong })).status).to.equal(422)
    }
  })

  it('expired sessions and tokens go, and each sweep leaves a record of what it did', async () => {
    await sweep(server.app)

    const rows = await server.app.db.any(sql.type(z.object({ name: z.string(), last_error: z.string().nullable() }))`
      select name, last_error
      from sweeps`)
    expect(rows.map((row) => row.name)).to.have.members(Object.keys(sweeps))
    expect(rows.filter((row) => row.last_error)).to.deep.equal([])
  })

  it('unused blobs go after a day; what any column refers to stays, whichever column that is', async () => {
    const { db, blobs } = server.app
    const put = async () => (await blobs.put(Readable.from([Buffer.from('x')]), { maxBytes: 10, tooLarge: '' })).id
    const { workspaceId } = await makeRunnable(server, 'acme')
    const [fresh, unused, used] = [await put(), await put(), await put()]
    await db.query(sql.void`
      insert into state_versions (id, workspace_id, serial, md5, json_blob_id)
      values (${newId('sv')}, ${workspaceId}, 1, '', ${used})`)
    await db.query(sql.void`update blobs set created_at = now() - interval '25 hours' where id <> ${fresh}`)

    await removeUnusedBlobs(server.app)

    const left = (await db.any(sql.type(z.object({ id: z.string() }))`select id from blobs`)).map((b) => b.id)
    expect(left).to.include.members([fresh, used])
    expect(left).to.not.include(unused)
    const columns = (await selectBlobReferences(db)).map((r) => `${r.table}.${r.column}`)
    expect(columns).to.include.members([
      'configuration_versions.blob_id',
      'phases.plan_file_blob_id',
      'plan_exports.blob_id',
    ])
  })
})
