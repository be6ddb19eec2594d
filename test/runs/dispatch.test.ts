import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { PhaseJob } from '../../shared/queues.ts'
import { lowestApplyPriority } from '../../shared/queues.ts'
import { finishPhase, takePhase } from '../../shared/runs/hold.ts'
import { dispatchMissed } from '../../shared/runs/repair.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { execute, finished, makeRunnable, statusOf } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('the global queue', () => {
  let server: TestServer
  let organizations = 0
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  async function makeOrganization(attributes: Record<string, unknown> = {}): Promise<string> {
    const name = `org-${++organizations}`
    const made = await server.api.post('/organizations', document({ name, email: 'ops@acme.example', ...attributes }))
    expect(made.status).to.equal(201)
    return name
  }
  /** Starts a run in a workspace of its own. */
  const startAlone = async (organization: string, attributes: Record<string, unknown> = {}) =>
    startRun(server.api, (await makeRunnable(server, organization, attributes)).workspaceId)

  /** As a worker: the next job. */
  async function fetchJob(options: { minPriority?: number } = {}) {
    const [job] = await server.app.queue.boss.fetch<PhaseJob>('runs', options)
    return job
  }
  async function executeNext(options: { minPriority?: number } = {}) {
    const job = await fetchJob(options)
    if (!job) return undefined
    const claim = await takePhase(server.app, job.data.runId, job.data.phase, 'test')
    if (claim) await finishPhase(server.app, claim, finished(false))
    await server.app.queue.boss.complete('runs', job.id)
    return job.data.runId
  }
  const emptyQueue = async () => {
    while (await executeNext());
  }
  const dispatched = async (organization: string) =>
    (
      await server.app.db.any(sql.type(z.object({ id: z.string() }))`
        select p.run_id as id
        from phases p
        join organizations o on o.id = p.organization_id
        where o.name = ${organization} and p.status in ('queued', 'running') and p.dispatched_at is not null`)
    ).map((row) => row.id)

  it('of one organization’s burst only the first goes before the first of another organization', async () => {
    await emptyQueue()
    const [busy, late] = [await makeOrganization(), await makeOrganization()]
    const burst = []
    for (let i = 0; i < 4; i++) burst.push(await startAlone(busy))
    const others = [await startAlone(late), await startAlone(late)]

    const order = []
    for (let i = 0; i < 6; i++) order.push(await executeNext())

    expect(order).to.deep.equal([burst[0], others[0], burst[1], others[1], burst[2], burst[3]])
  })

  it('an organization that waits is reached though others send again each time they are served', async () => {
    await emptyQueue()
    const [busy, ...steady] = [await makeOrganization(), await makeOrganization(), await makeOrganization()]
    const burst = [await startAlone(busy), await startAlone(busy), await startAlone(busy)]
    const owner = new Map<string, string>()
    for (const organization of steady) owner.set(await startAlone(organization), organization)

    const order: (string | undefined)[] = []
    for (let i = 0; i < 10; i++) {
      const served = await executeNext()
      order.push(served)
      const organization = owner.get(served ?? '')
      if (organization) owner.set(await startAlone(organization), organization)
    }

    expect(order).to.include.members(burst)
    expect(order.filter((id) => burst.includes(id ?? ''))).to.deep.equal(burst)
  })

  it('an apply goes before every plan and a plan before every speculative one, whoever came first', async () => {
    await emptyQueue()
    const organization = await makeOrganization()
    const { workspaceId } = await makeRunnable(server, organization)
    const configuration = await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' }, { speculative: true })
    const speculative = await startRun(server.api, workspaceId, {}, configuration)
    const plans = [await startAlone(organization), await startAlone(organization)]
    const applied = await startAlone(organization)
    await execute(server, applied, 'plan')
    expect((await server.api.post(`/runs/${applied}/actions/apply`, {})).status).to.equal(202)

    expect(await executeNext({ minPriority: lowestApplyPriority })).to.equal(applied)
    expect(await fetchJob({ minPriority: lowestApplyPriority })).to.equal(undefined)
    // the job of the plan that the test executed by hand is still there
    const order = [await executeNext(), await executeNext(), await executeNext(), await executeNext()]
    expect(order.filter((id) => id !== applied)).to.deep.equal([...plans, speculative])
  })

  it('a limit of an organization holds phases back, and each that ends lets the next one go', async () => {
    const organization = await makeOrganization({ 'concurrent-run-limit': 2 })
    const runs = [await startAlone(organization), await startAlone(organization), await startAlone(organization)]

    const before = await dispatched(organization)
    await execute(server, runs[0]!, 'plan', finished(false))
    const after = await dispatched(organization)

    expect(before).to.have.members(runs.slice(0, 2))
    expect(after).to.have.members(runs.slice(1))
  })

  it('a run that waits for a person does not count against the limit; its apply waits for a place again', async () => {
    const organization = await makeOrganization({ 'concurrent-run-limit': 1 })
    const [first, second] = [await startAlone(organization), await startAlone(organization)]
    await execute(server, first, 'plan')

    await server.api.post(`/runs/${first}/actions/apply`, {})

    expect(await statusOf(server, first)).to.equal('apply_queued')
    expect(await dispatched(organization)).to.deep.equal([second])
    await server.api.post(`/runs/${second}/actions/cancel`, {})
    expect(await dispatched(organization)).to.deep.equal([first])
  })

  it('the limit is exact when many runs start and end at the same moment', async () => {
    const organization = await makeOrganization({ 'concurrent-run-limit': 3 })
    const workspaces = await Promise.all(Array.from({ length: 12 }, () => makeRunnable(server, organization)))

    await Promise.all(workspaces.map(({ workspaceId }) => startRun(server.api, workspaceId)))
    for (let left = 12; left > 0; left -= 3) {
      expect((await dispatched(organization)).length).to.be.at.most(3)
      // what two did at the same moment is finished by a job
      await dispatchMissed(server.app)
      const given = await dispatched(organization)
      expect(given).to.have.length(3)
      await Promise.all(given.map((run) => execute(server, run, 'plan', finished(false))))
    }

    expect(await dispatched(organization)).to.have.length(0)
  })

  it('a raised limit lets waiting phases go at once; null lifts it; zero is refused', async () => {
    const organization = await makeOrganization({ 'concurrent-run-limit': 1 })
    for (let i = 0; i < 4; i++) await startAlone(organization)

    await server.api.patch(`/organizations/${organization}`, document({ 'concurrent-run-limit': 2 }))
    const raised = await dispatched(organization)
    const lifted = await server.api.patch(`/organizations/${organization}`, document({ 'concurrent-run-limit': null }))
    const zero = await server.api.patch(`/organizations/${organization}`, document({ 'concurrent-run-limit': 0 }))

    expect(raised).to.have.length(2)
    expect(lifted.json.data.attributes['concurrent-run-limit']).to.equal(null)
    expect(await dispatched(organization)).to.have.length(4)
    expect(zero.status).to.equal(422)
  })

  it('a limit of an agent pool holds back its own phases only', async () => {
    const organization = await makeOrganization()
    const pool = await server.api.post(
      `/organizations/${organization}/agent-pools`,
      document({ name: 'eu', 'concurrent-run-limit': 1 }),
    )
    expect(pool.json.data.attributes['concurrent-run-limit']).to.equal(1)
    const agent = { 'execution-mode': 'agent', 'agent-pool-id': pool.json.data.id }
    const [first, second] = [await startAlone(organization, agent), await startAlone(organization, agent)]
    const remote = [await startAlone(organization), await startAlone(organization)]

    expect(await dispatched(organization)).to.have.members([first, ...remote])
    await execute(server, first, 'plan')
    expect(await dispatched(organization)).to.have.members([second, ...remote])
  })

  it('the queue of an organization is in the order in which workers take it', async () => {
    const organization = await makeOrganization({ 'concurrent-run-limit': 2 })
    const [first, second, third] = [
      await startAlone(organization),
      await startAlone(organization),
      await startAlone(organization),
    ]
    await takePhase(server.app, first, 'plan', 'test')

    const { data } = (await server.api.get(`/organizations/${organization}/runs/queue`)).json

    const places = data.map((r: { id: string; attributes: Record<string, unknown> }) => [
      r.id,
      r.attributes['position-in-queue'],
    ])
    expect(places).to.deep.equal([
      [first, 0],
      [second, 1],
      [third, 2],
    ])
  })
})
