import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from 'pg-boss'
import type { App } from '../../shared/app.ts'
import { ClaimLost, type PhaseWork } from '../../shared/phase.ts'
import type { PhaseJob } from '../../shared/queues.ts'
import { lowestApplyPriority } from '../../shared/queues.ts'
import { finishPhase, type NewClaim, takePhase } from '../../shared/runs/hold.ts'
import { forgetWork, phaseWork, withIdentity } from '../../shared/runs/work.ts'
import { executePhase } from '../execute/execute.ts'
import { spawner } from '../execute/spawner.ts'
import { type HeldHere, holdInDatabase, lastingApp } from '../transport/database.ts'

export interface Runner {
  /** Takes no new work, waits for running phases, and interrupts their engines when the grace is over. */
  drain(graceMs: number): Promise<void>
}

/** Takes phases from the queue `runs`: `concurrency` slots for anything, and one more that only applies may use. */
export async function startRunner(app: App, execute: typeof executePhase = executePhase): Promise<Runner> {
  const name = app.config.runner.name ?? `${hostname()}-${process.pid}`
  const running = new Set<Promise<void>>()
  const draining = new AbortController()
  spawner.prepare()

  const handle = async (job: Job<PhaseJob>): Promise<void> => {
    const done = runJob(app, name, job, draining.signal, execute)
    const tracked = done.catch(() => {}).finally(() => running.delete(tracked))
    running.add(tracked)
    await done
  }
  const options = { pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 1, heartbeatRefreshSeconds: 3 }
  const openSlot = async (more: { minPriority?: number } = {}) => {
    let slot = ''
    slot = await app.queue.boss.work<PhaseJob>('runs', { ...options, ...more }, async ([job]) => {
      await handle(job!)
      // or it would sleep out its second before it looks for the next one
      app.queue.boss.notifyWorker(slot)
    })
  }
  for (let i = 0; i < app.config.runner.concurrency; i++) await openSlot()
  // an apply never waits for a plan to end
  await openSlot({ minPriority: lowestApplyPriority })
  app.log.info({ name, concurrency: app.config.runner.concurrency }, 'runner: ready')

  return {
    async drain(graceMs) {
      // waits for the ends of its jobs to be stored, too
      const off = app.queue.boss.offWork('runs')
      const timer = setTimeout(() => draining.abort(), graceMs)
      await Promise.allSettled([...running])
      clearTimeout(timer)
      await Promise.race([off, sleep(OFF_MS, undefined, { ref: false })])
    },
  }
}

/** For telling the queue how the last jobs ended. */
const OFF_MS = 5000

async function runJob(
  app: App,
  name: string,
  job: Job<PhaseJob>,
  draining: AbortSignal,
  execute: typeof executePhase,
): Promise<void> {
  const { runId, phase } = job.data
  const log = app.log.child({ runId, phase })
  // read while the phase is being taken: most jobs are taken, and the engine starts some milliseconds earlier
  const lasting = lastingApp(app, job.signal)
  const reading = phaseWork(lasting, job.data, app.config.url)
  reading.catch(() => undefined)
  const claim = await takePhase(app, runId, phase, name)
  if (!claim) {
    await reading.then((work) => forgetWork(app, work)).catch(() => undefined)
    return
  }
  const handle = await hold(app, claim, reading, job.signal)
  if (!handle) return
  const undrain = stopWhenDraining(handle, phase, draining, app.config.runner.cancelGraceMs)
  try {
    await execute(app.config, handle, log)
  } catch (error) {
    if (!(error instanceof ClaimLost)) throw error
    log.warn('the phase is held by somebody else now')
  } finally {
    undrain()
    handle.release()
  }
  // a failed job goes to another runner at once
  if (draining.aborted && handle.signal.reason === 'lost' && phase === 'plan') throw new Error('the runner stops')
}

/** A plan is left to another runner. An apply is canceled, so that its state is stored and its run has an end. */
function stopWhenDraining(handle: HeldHere, phase: 'plan' | 'apply', draining: AbortSignal, graceMs: number) {
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    handle.tell(phase === 'plan' ? 'lost' : 'cancel')
    if (phase === 'apply') timer = setTimeout(() => handle.tell('force'), graceMs)
  }
  if (draining.aborted) stop()
  else draining.addEventListener('abort', stop, { once: true })
  return () => {
    clearTimeout(timer)
    draining.removeEventListener('abort', stop)
  }
}

/** A phase that cannot even be described (a key is missing, a variable is damaged) ends with that as its reason. */
async function hold(
  app: App,
  claim: NewClaim,
  reading: Promise<PhaseWork>,
  lost: AbortSignal,
): Promise<HeldHere | null> {
  try {
    const work = await withIdentity(lastingApp(app, lost), claim, await reading)
    return holdInDatabase(app, work, claim, lost)
  } catch (error) {
    if (error instanceof ClaimLost) return null
    app.log.error({ err: error, runId: claim.runId }, 'cannot prepare the phase')
    await finishPhase(lastingApp(app, lost), claim, {
      outcome: 'errored',
      reason: `The ${claim.phase} could not be prepared: ${(error as Error).message}`,
    })
    return null
  }
}
