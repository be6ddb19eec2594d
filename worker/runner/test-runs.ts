import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Job } from 'pg-boss'
import type { App } from '../../shared/app.ts'
import { ClaimLost } from '../../shared/phase.ts'
import { endTestRun, type TestRun, takeTestRun } from '../../shared/registry/test-runs.ts'
import { executePhase } from '../execute/execute.ts'
import { testSteps } from '../execute/test.ts'
import { holdTestRun, testRunVariables } from '../transport/test-run.ts'
import type { Runner } from './runner.ts'

/** Takes module tests, one at a time beside the phases: they have their own queue and wait for nobody's workspace. */
export async function startTestRuns(app: App): Promise<Runner> {
  const running = new Set<Promise<void>>()
  const draining = new AbortController()
  const options = { pollingIntervalSeconds: 2, notifyPollingIntervalSeconds: 2, heartbeatRefreshSeconds: 3 }
  await app.queue.boss.work<{ testRunId: string }>('test-runs', options, async ([job]) => {
    const done = runTests(app, job!, draining.signal)
    const tracked = done.catch(() => {}).finally(() => running.delete(tracked))
    running.add(tracked)
    await done
  })
  return {
    async drain(graceMs) {
      await app.queue.boss.offWork('test-runs', { wait: false })
      const timer = setTimeout(() => draining.abort(), graceMs)
      await Promise.allSettled([...running])
      clearTimeout(timer)
    },
  }
}

async function runTests(app: App, job: Job<{ testRunId: string }>, draining: AbortSignal): Promise<void> {
  const { testRunId } = job.data
  const log = app.log.child({ testRunId })
  const run = await takeTestRun(app, testRunId)
  if (!run) return
  const handle = await hold(app, run, AbortSignal.any([job.signal, draining]))
  if (!handle) return
  try {
    const options = {
      filters: run.filters,
      testDirectory: run.test_directory,
      verbose: run.is_verbose,
      parallelism: run.parallelism,
    }
    await executePhase(
      app.config,
      handle,
      log,
      testSteps(options, () => handle.summary() !== null),
    )
    // the engine was interrupted because this worker stops: nobody else goes on with it
    if (draining.aborted) await endTestRun(app, run.id, { status: 'errored', reason: 'The worker stopped.' })
  } catch (error) {
    if (!(error instanceof ClaimLost)) throw error
    log.warn('the test run ended meanwhile')
  } finally {
    handle.release()
    await rm(join(app.config.workDir, run.id), { recursive: true, force: true })
  }
}

/** Tests that cannot even be described (a key is missing, a variable is damaged) end with that as their reason. */
async function hold(app: App, run: TestRun, lost: AbortSignal) {
  try {
    return holdTestRun(app, run, await testRunVariables(app, run), lost)
  } catch (error) {
    app.log.error({ err: error, testRunId: run.id }, 'cannot prepare the tests')
    await endTestRun(app, run.id, {
      status: 'errored',
      reason: `The tests could not be prepared: ${(error as Error).message}`,
    })
    return null
  }
}
