import { openApp } from '../shared/app.ts'
import { ConfigError, readConfig } from '../shared/config.ts'
import { WrongSecret } from '../shared/data-keys.ts'
import { stopWhenParentGoes } from '../shared/parent.ts'
import { announceSandbox } from './execute/sandbox.ts'
import { startJobs } from './jobs.ts'
import { announceRunner } from './runner/presence.ts'
import { recoverOnRunner } from './runner/recover.ts'
import { startRunner } from './runner/runner.ts'
import { startTestRuns } from './runner/test-runs.ts'

const roles = ['runner', 'jobs'] as const

/** `worker/main.ts runner jobs`: executes phases, works background queues, or both. */
async function main(): Promise<void> {
  const asked = new Set(process.argv.slice(2))
  if (asked.size === 0 || [...asked].some((role) => !(roles as readonly string[]).includes(role))) {
    throw new ConfigError(`Name what to work on: ${roles.join(', ')}.`)
  }
  const config = readConfig()
  const app = await openApp(config, [...asked].join('+'), { listen: true, supervise: asked.has('jobs') })
  if (asked.has('runner')) await announceSandbox(config, app.log)
  const presence = asked.has('runner') ? await announceRunner(app) : undefined
  const runner = asked.has('runner') ? await startRunner(app) : undefined
  const leftovers = asked.has('runner') ? recoverOnRunner(app) : undefined
  const testRuns = asked.has('runner') ? await startTestRuns(app) : undefined
  if (asked.has('jobs')) await startJobs(app)

  let stopping = false
  const stop = async (graceMs: number) => {
    if (stopping) return
    stopping = true
    await Promise.all([runner?.drain(graceMs), testRuns?.drain(graceMs)])
    await leftovers?.stop()
    await presence?.stop()
    await app.close()
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop(config.runner.drainGraceMs))
  process.on('SIGINT', () => void stop(0))
  // without its launcher there is nobody to start it again: engines are interrupted and write their state
  stopWhenParentGoes(() => void stop(0))
}

main().catch((error: Error) => {
  const known = error instanceof ConfigError || error instanceof WrongSecret
  console.error(known ? `worker: ${error.message}` : error)
  process.exit(1)
})
