import { expect } from 'chai'
import { openQueue } from '../../shared/queue.ts'
import type { PhaseJob } from '../../shared/queues.ts'
import { type Claim, finishPhase, takePhase } from '../../shared/runs/hold.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { execute, finished, makeRunnable, statusOf, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('the queue when many come at once', () => {
  let server: TestServer
  before(async () => {
    server = await startServer({ TOFUTF_DB_POOL: '5', TOFUTF_FORCE_CANCEL_COOLOFF: '1' })
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  const act = (run: string, action: string) => server.api.post(`/runs/${run}/actions/${action}`, {})

  it('QUEUE-04 fifty workspaces, each with an upload and a run as fast as the API answers: every run leaves pending', async function () {
    this.timeout(60_000)

    const runs = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const { workspaceId } = await makeRunnable(server, 'acme')
        return startRun(server.api, workspaceId)
      }),
    )

    const statuses = await Promise.all(runs.map((run) => statusOf(server, run)))
    expect(new Set(statuses)).to.deep.equal(new Set(['plan_queued']))
    for (const run of runs) await act(run, 'cancel')
  })

  it('QUEUE-12 one job offered to fifty consumers at once is started by exactly one, in each of 100 rounds', async function () {
    this.timeout(120_000)
    const { workspaceId } = await makeRunnable(server, 'acme')
    const configuration = await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' }, { speculative: true })
    const queues = await Promise.all(
      Array.from({ length: 5 }, () =>
        openQueue(server.app.config.databaseUrl!, server.app.log, { listen: false, supervise: false }),
      ),
    )
    try {
      // what the tests before left is worked off
      for (let job: unknown = true; job; [job] = await queues[0]!.boss.fetch('runs'));
      for (let round = 0; round < 100; round++) {
        const run = await startRun(server.api, workspaceId, {}, configuration)

        const started = await Promise.all(
          Array.from({ length: 50 }, async (_, i): Promise<Claim | null> => {
            const [job] = await queues[i % 5]!.boss.fetch<PhaseJob>('runs')
            return job ? takePhase(server.app, job.data.runId, job.data.phase, `consumer-${i}`) : null
          }),
        )

        const claims = started.filter((claim) => claim !== null)
        expect(claims.map((claim) => claim.runId)).to.deep.equal([run])
        await finishPhase(server.app, claims[0]!, finished(false))
      }
    } finally {
      await Promise.all(queues.map((queue) => queue.close()))
    }
  })

  it('QUEUE-26 twenty clients create, confirm and list at once on five connections, and all are answered', async function () {
    this.timeout(60_000)
    const prepared = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const [{ workspaceId }, other] = [await makeRunnable(server, 'acme'), await makeRunnable(server, 'acme')]
        const planned = await startRun(server.api, workspaceId)
        await execute(server, planned, 'plan')
        return { planned, other: other.workspaceId }
      }),
    )

    const answers = await Promise.all(
      prepared.flatMap(({ planned, other }) => [
        startRun(server.api, other).then(() => 201),
        act(planned, 'apply').then((answer) => answer.status),
        server.api.get('/organizations/acme/runs').then((answer) => answer.status),
      ]),
    )

    expect(new Set(answers)).to.deep.equal(new Set([201, 202, 200]))
  })

  it('QUEUE-18 an engine that ignores its interrupt: cancel, force-cancel too early, then force-cancel', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    await execute(server, run, 'plan')
    await act(run, 'apply')
    const claim = await take(server, run, 'apply')

    const canceled = await act(run, 'cancel')
    const early = await act(run, 'force-cancel')
    const { attributes: meanwhile } = (await server.api.get(`/runs/${run}`)).json.data
    const available = Date.parse(meanwhile['force-cancel-available-at'])
    await new Promise((resolve) => setTimeout(resolve, available - Date.now() + 100))
    const forced = await act(run, 'force-cancel')
    const late = await finishPhase(server.app, claim, finished()).catch((error: Error) => error.constructor.name)

    expect([canceled.status, early.status, forced.status]).to.deep.equal([202, 409, 202])
    expect(meanwhile.status).to.equal('applying')
    const { attributes } = (await server.api.get(`/runs/${run}`)).json.data
    expect(attributes.status).to.equal('canceled')
    expect(attributes['status-timestamps']).to.have.property('force-canceled-at')
    expect(late).to.equal('ClaimLost')
  })
})
