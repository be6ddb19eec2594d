import { openApp } from '../../shared/app.ts'
import { readConfig } from '../../shared/config.ts'
import { startRunner } from '../../worker/runner/runner.ts'

/** `queue-worker.ts phases|bare`: a runner whose engine does nothing, or a bare loop of pg-boss, for test/bench/queue.ts. */
const config = readConfig()
const app = await openApp(config, 'bench', { listen: true, supervise: false })
const nothing = {
  outcome: 'finished',
  hasChanges: false,
  counts: { additions: 0, changes: 0, destructions: 0, imports: 0 },
  generatedConfiguration: false,
} as const

let isStopped = false
async function bareLoop(): Promise<void> {
  while (!isStopped) {
    const [job] = await app.queue.boss.fetch('bare')
    if (job) await app.queue.boss.complete('bare', job.id)
    else await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

if (process.argv[2] === 'phases') await startRunner(app, (_config, handle) => handle.finish(nothing))
else for (let i = 0; i < config.runner.concurrency; i++) void bareLoop()
process.send?.('ready')
process.on('SIGTERM', () => {
  isStopped = true
  process.exit(0)
})
