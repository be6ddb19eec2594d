import { hostname } from 'node:os'
import type { Job } from 'pg-boss'
import type { App } from '../../shared/app.ts'
import { ClaimLost } from '../../shared/phase.ts'
import type { PhaseJob } from '../../shared/queues.ts'
import { lowestApplyPriority } from '../../shared/queues.ts'
import { type Claim, finishPhase, takePhase } from '../../shared/runs/hold.ts'
import { phaseWork } from '../../shared/runs/work.ts'
import { executePhase } from '../execute/execute.ts'
import { holdInDatabase } from '../transport/database.ts'

export interface Runner {
  /** Takes no new work, waits for running phases, and interrupts their engines when the grace is over. */
  drain(graceMs: number): Promise<void>
}

/** Takes phases from the queue `runs`: `concurrency` slots for anything, and one more that only applies may use. */
export async function startRunner(app: App): Promise<Runner> {
  const name = app.config.runner.name ?? `${hostname()}-${process.pid}`
  const running = new Set<Promise<void>>()
  const draining = new AbortController()

  const handle = async (job: Job<PhaseJob>): Promise<void> => {
    const done = runJob(app, name, job, draining.signal)
    const tracked = done.catch(() => {}).finally(() => running.delete(tracked))
    running.add(tracked)
    await done
  }
  const options = { pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 1, heartbeatRefreshSeconds: 3 }
  await app.queue.boss.work<PhaseJob>(
    'runs',
    { ...options, localConcurrency: app.config.runner.concurrency },
    ([job]) => handle(job!),
  )
  // an apply never waits for a plan to end
  await app.queue.boss.work<PhaseJob>('runs', { ...options, minPriority: lowestApplyPriority }, ([job]) => handle(job!))
  app.log.info({ name, concurrency: app.config.runner.concurrency }, 'runner: ready')

  return {
    async drain(graceMs) {
      await app.queue.boss.offWork('runs', { wait: false })
      const all = () => Promise.allSettled([...running])
      const timer = setTimeout(() => draining.abort(), graceMs)
      await all()
      clearTimeout(timer)
    },
  }
}

async function runJob(app: App, name: string, job: Job<PhaseJob>, draining: AbortSignal): Promise<void> {
  const { runId, phase } = job.data
  const log = app.log.child({ runId, phase })
  const claim = await takePhase(app, runId, phase, name)
  if (!claim) return
  const lost = AbortSignal.any([job.signal, draining])
  const handle = await hold(app, claim, lost)
  if (!handle) return
  try {
    await executePhase(app.config, handle, log)
  } catch (error) {
    if (!(error instanceof ClaimLost)) throw error
    log.warn('the phase is held by somebody else now')
  } finally {
    handle.release()
  }
}

/** A phase that cannot even be described (a key is missing, a variable is damaged) ends with that as its reason. */
async function hold(app: App, claim: Claim, lost: AbortSignal) {
  try {
    return holdInDatabase(app, await phaseWork(app, claim, app.config.url), claim, lost)
  } catch (error) {
    app.log.error({ err: error, runId: claim.runId }, 'cannot prepare the phase')
    await finishPhase(app, claim, {
      outcome: 'errored',
      reason: `The ${claim.phase} could not be prepared: ${(error as Error).message}`,
    })
    return null
  }
}
