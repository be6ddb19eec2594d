import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { execute, finished, makeRunnable, statusOf, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('the workspace queue', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  const workspace = async (id: string) => (await server.api.get(`/workspaces/${id}`)).json.data
  const runs = async (id: string, action: string) => server.api.post(`/runs/${id}/actions/${action}`, {})

  it('QUEUE-01 a run behind one that waits for a confirmation stays pending and follows without a gap in the lock', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const first = await startRun(server.api, workspaceId)
    const second = await startRun(server.api, workspaceId)
    await execute(server, first, 'plan')
    const seen: boolean[] = []
    let polling = true
    const poll = (async () => {
      while (polling) seen.push((await workspace(workspaceId)).attributes.locked)
    })()

    await runs(first, 'apply')
    const waiting = await statusOf(server, second)
    await execute(server, first, 'apply')
    const afterwards = await statusOf(server, second)
    polling = false
    await poll

    expect(waiting).to.equal('pending')
    expect(afterwards).to.equal('plan_queued')
    expect(seen).to.not.include(false)
    expect((await workspace(workspaceId)).relationships['locked-by'].data).to.deep.equal({ type: 'runs', id: second })
  })

  it('QUEUE-02 a speculative run plans under a lock of a user and leaves it alone', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    await server.api.post(`/workspaces/${workspaceId}/actions/lock`, {})
    const speculative = await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' }, { speculative: true })

    const run = await startRun(server.api, workspaceId, {}, speculative)
    await execute(server, run, 'plan')

    expect(await statusOf(server, run)).to.equal('planned_and_finished')
    expect((await workspace(workspaceId)).relationships['locked-by'].data.type).to.equal('users')
  })

  it('a lock of a user holds the queue, and its release starts the next run', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    await server.api.post(`/workspaces/${workspaceId}/actions/lock`, {})
    const run = await startRun(server.api, workspaceId)

    expect(await statusOf(server, run)).to.equal('pending')
    await server.api.post(`/workspaces/${workspaceId}/actions/unlock`, {})
    expect(await statusOf(server, run)).to.equal('plan_queued')
  })

  it('QUEUE-13 a pending run is canceled at once, with both phases unreachable, and never starts', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const first = await startRun(server.api, workspaceId)
    const second = await startRun(server.api, workspaceId)

    const answer = await runs(second, 'cancel')

    expect(answer.status).to.equal(202)
    const { data } = (await server.api.get(`/runs/${second}?include=plan,apply`)).json
    expect(data.attributes.status).to.equal('canceled')
    expect(data.attributes['canceled-at']).to.be.a('string')
    const force = Date.parse(data.attributes['force-cancel-available-at'])
    expect(force).to.be.greaterThan(Date.now())
    const { included } = (await server.api.get(`/runs/${second}?include=plan,apply`)).json
    expect(included.map((o: { attributes: { status: string } }) => o.attributes.status)).to.deep.equal([
      'unreachable',
      'unreachable',
    ])
    await runs(first, 'cancel')
    expect(await statusOf(server, second)).to.equal('canceled')
  })

  it('QUEUE-14 QUEUE-16 a queued phase is canceled at once, no worker can take it, and the next run follows', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const first = await startRun(server.api, workspaceId)
    const second = await startRun(server.api, workspaceId)
    const third = await startRun(server.api, workspaceId)

    await runs(first, 'cancel')
    const planTaken = await take(server, first, 'plan').catch((error: Error) => error.message)
    await execute(server, second, 'plan')
    await runs(second, 'apply')
    await runs(second, 'cancel')
    const applyTaken = await take(server, second, 'apply').catch((error: Error) => error.message)

    expect(planTaken).to.match(/cannot be taken/)
    expect(applyTaken).to.match(/cannot be taken/)
    expect(await statusOf(server, second)).to.equal('canceled')
    expect(await statusOf(server, third)).to.equal('plan_queued')
  })

  it('QUEUE-17 QUEUE-19 an action that the status does not allow answers 409 and changes nothing', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const canceled = await startRun(server.api, workspaceId)
    await runs(canceled, 'cancel')
    const applied = await startRun(server.api, workspaceId)
    await execute(server, applied, 'plan')
    await runs(applied, 'apply')
    await execute(server, applied, 'apply')
    const empty = await startRun(server.api, workspaceId)
    await execute(server, empty, 'plan', finished(false))
    const errored = await startRun(server.api, workspaceId)
    await execute(server, errored, 'plan', { outcome: 'errored', reason: 'boom' })
    const holder = await startRun(server.api, workspaceId)
    const pending = await startRun(server.api, workspaceId)

    for (const [run, status] of [
      [canceled, 'canceled'],
      [applied, 'applied'],
      [empty, 'planned_and_finished'],
      [errored, 'errored'],
    ] as const) {
      for (const action of ['cancel', 'apply', 'discard', 'force-cancel', 'force-execute']) {
        const answer = await runs(run, action)
        expect(answer.status, `${action} of ${status}`).to.equal(409)
        expect(answer.json.errors[0].title).to.equal('transition not allowed')
      }
      expect(await statusOf(server, run)).to.equal(status)
    }
    expect((await runs(pending, 'apply')).status).to.equal(409)
    expect((await runs(holder, 'apply')).status).to.equal(409)
  })

  it('QUEUE-23 only runs that wait for capacity are in the queue, with their place in it', async () => {
    await server.api.post('/organizations', document({ name: 'demand', email: 'ops@acme.example' }))
    const waiting = await makeRunnable(server, 'demand')
    const person = await startRun(server.api, waiting.workspaceId)
    await execute(server, person, 'plan')
    const queued = []
    for (let i = 0; i < 2; i++)
      queued.push(await startRun(server.api, (await makeRunnable(server, 'demand')).workspaceId))

    const queue = (await server.api.get('/organizations/demand/runs/queue')).json
    const list = (await server.api.get('/organizations/demand/runs?filter[status]=plan_queued,apply_queued')).json
    const capacity = (await server.api.get('/organizations/demand/capacity')).json

    expect(queue.data.map((r: { id: string }) => r.id)).to.deep.equal(queued)
    expect(
      queue.data.map((r: { attributes: Record<string, unknown> }) => r.attributes['position-in-queue']),
    ).to.deep.equal([1, 2])
    expect(list.data.map((r: { id: string }) => r.id)).to.have.members(queued)
    expect(capacity.data).to.deep.include({ type: 'organization-capacity', attributes: { pending: 2, running: 0 } })
  })

  it('QUEUE-27 a plan without changes ends the run, and the next one starts by itself', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const first = await startRun(server.api, workspaceId)
    const second = await startRun(server.api, workspaceId)

    await execute(server, first, 'plan', finished(false))

    expect(await statusOf(server, first)).to.equal('planned_and_finished')
    expect(await statusOf(server, second)).to.equal('plan_queued')
  })

  it('QUEUE-28 the late report of a force-canceled run is refused and changes nothing', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const first = await startRun(server.api, workspaceId)
    const claim = await take(server, first, 'plan')
    const second = await startRun(server.api, workspaceId)
    await runs(first, 'cancel')
    await server.app.db.query((await import('../../db/sql.ts')).sql.void`
      update runs set force_cancel_available_at = now() where id = ${first}`)
    expect((await runs(first, 'force-cancel')).status).to.equal(202)

    const late = await import('../../shared/runs/hold.ts').then(({ finishPhase }) =>
      finishPhase(server.app, claim, finished()).then(
        () => 'accepted',
        (error: Error) => error.constructor.name,
      ),
    )

    expect(late).to.equal('ClaimLost')
    expect(await statusOf(server, first)).to.equal('canceled')
    expect(await statusOf(server, second)).to.equal('plan_queued')
    expect((await workspace(workspaceId)).relationships['locked-by'].data.id).to.equal(second)
  })

  it('force-execute discards the holder and starts the run before those that waited longer', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const holder = await startRun(server.api, workspaceId)
    await execute(server, holder, 'plan')
    const second = await startRun(server.api, workspaceId)
    const third = await startRun(server.api, workspaceId)

    const answer = await runs(third, 'force-execute')

    expect(answer.status).to.equal(202)
    expect(await statusOf(server, holder)).to.equal('discarded')
    expect(await statusOf(server, third)).to.equal('plan_queued')
    expect(await statusOf(server, second)).to.equal('pending')
  })

  it('twenty runs made at the same moment get numbers without a gap and one of them its turn', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')

    await Promise.all(Array.from({ length: 20 }, () => startRun(server.api, workspaceId)))

    const { data } = (await server.api.get(`/workspaces/${workspaceId}/runs?page[size]=100`)).json
    const numbers = data
      .map((r: { attributes: { number: number } }) => r.attributes.number)
      .sort((a: number, b: number) => a - b)
    expect(numbers).to.deep.equal(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(
      data.filter((r: { attributes: { status: string } }) => r.attributes.status === 'plan_queued'),
    ).to.have.length(1)
  })

  it('confirming twice at the same moment answers one 202 and one 409 and sends one apply', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    await execute(server, run, 'plan')

    const answers = await Promise.all([runs(run, 'apply'), runs(run, 'apply')])

    expect(answers.map((a) => a.status).sort()).to.deep.equal([202, 409])
    const jobs = await server.app.queue.boss.findJobs('runs', { data: { runId: run, phase: 'apply' } })
    expect(jobs).to.have.length(1)
  })

  it('QUEUE-25 a message of 20 kB is kept whole, a longer one answers 422 and makes no run', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const relationships = { workspace: { data: { type: 'workspaces', id: workspaceId } } }

    const kept = await server.api.post('/runs', document({ message: 'm'.repeat(20_000) }, relationships))
    const refused = await server.api.post('/runs', document({ message: 'm'.repeat(20_001) }, relationships))
    await execute(server, kept.json.data.id, 'plan', finished(false))

    expect(kept.json.data.attributes.message).to.have.length(20_000)
    expect(await statusOf(server, kept.json.data.id)).to.equal('planned_and_finished')
    expect(refused.status).to.equal(422)
    expect(refused.json.errors[0].source.pointer).to.equal('/data/attributes/message')
    expect((await server.api.get(`/workspaces/${workspaceId}/runs`)).json.data).to.have.length(1)
  })

  it('QUEUE-34 a database that refuses the look at the run never counts as permission: nothing is applied', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    await execute(server, run, 'plan')
    const { db } = server.app
    // the lock of the workspace is what a confirmation asks for first
    await db.query(sql.void`alter table workspaces rename to workspaces_away`)

    const refused = await runs(run, 'apply')
    await db.query(sql.void`alter table workspaces_away rename to workspaces`)

    expect(refused.status).to.be.at.least(500)
    expect(refused.json.errors).to.have.length(1)
    expect(await statusOf(server, run)).to.equal('planned')
    expect(await server.app.queue.boss.findJobs('runs', { data: { runId: run, phase: 'apply' } })).to.be.empty
  })
})
