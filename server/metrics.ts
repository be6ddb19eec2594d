// Prometheus metrics, for the site token. Source: https://prometheus.io/docs/instrumenting/exposition_formats/
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { bands } from '../shared/queues.ts'
import { countUnfinishedRuns, type QueueDepth, selectQueueDepths, selectSweeps } from '../shared/runs/depth.ts'
import { statuses } from '../shared/runs/lifecycle.ts'
import { many } from './jsonapi/answer.ts'
import { defineResource } from './jsonapi/document.ts'
import { type Context, Routes } from './route.ts'

export const metrics = new Routes()

/** Memory, event loop and garbage collection of this web process; measured from the first request on. */
let ofProcess: Registry | undefined
function processMetrics(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}

/** What the database says: the same from every web process. */
async function databaseMetrics({ app }: Context): Promise<Registry> {
  const registry = new Registry()
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name: `tofutf_${name}`, help, labelNames, registers: [registry] })

  const ready = gauge('queue_executable', 'Phases that a worker could take now.', 'queue', 'band')
  const heldBack = gauge('queue_held_back', 'Phases that a limit keeps from the workers.', 'queue')
  const running = gauge('queue_running', 'Phases in execution.', 'queue')
  const oldest = gauge('queue_oldest_wait_seconds', 'Age of the oldest phase that a worker could take.', 'queue')
  const workers = gauge('workers_alive', 'Runners, or agents of a pool, that gave a sign of life.', 'queue')
  const slots = gauge('worker_slots', 'Phases that the living workers take at once.', 'queue')
  for (const depth of await selectQueueDepths(app.db, null)) {
    const { queue } = depth
    for (const band of bands) ready.set({ queue, band }, depth[band])
    heldBack.set({ queue }, depth.held_back)
    running.set({ queue }, depth.running)
    oldest.set({ queue }, depth.oldest_wait_s)
    workers.set({ queue }, depth.workers)
    slots.set({ queue }, depth.slots)
  }

  const runs = gauge('runs_unfinished', 'Runs that are not over, by status.', 'status')
  const counts = new Map((await countUnfinishedRuns(app.db)).map(({ status, count }) => [status, count]))
  for (const status of statuses) if (counts.has(status)) runs.set({ status }, counts.get(status)!)

  const swept = gauge('sweep_runs', 'How often a sweep ran.', 'sweep')
  const repaired = gauge('sweep_repaired', 'What a sweep repaired or removed, in all.', 'sweep')
  const at = gauge('sweep_last_run_timestamp_seconds', 'When a sweep ran last.', 'sweep')
  const failed = gauge('sweep_failed', '1 when the last try of a sweep failed.', 'sweep')
  for (const sweep of await selectSweeps(app.db)) {
    const label = { sweep: sweep.name }
    swept.set(label, sweep.runs)
    repaired.set(label, sweep.repaired)
    at.set(label, (sweep.last_run_at?.getTime() ?? 0) / 1000)
    failed.set(label, sweep.last_error === null ? 0 : 1)
  }
  return registry
}

metrics.get('/metrics', { action: 'site:admin' }, async (ctx) => {
  const registries = [processMetrics(), await databaseMetrics(ctx)]
  ctx.koa.set('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE)
  ctx.koa.body = (await Promise.all(registries.map((registry) => registry.metrics()))).join('\n')
})

/** One queue of phases: what a worker could take now, and how long the oldest has waited. Ours. */
export const queueStatus = defineResource<QueueDepth>({
  type: 'queue-statuses',
  id: (d) => d.queue,
  attributes: (d) => ({
    executable: d.apply + d.plan + d.speculative,
    'executable-applies': d.apply,
    'executable-plans': d.plan,
    'executable-speculative-plans': d.speculative,
    'held-back': d.held_back,
    running: d.running,
    'oldest-wait-seconds': Math.round(d.oldest_wait_s * 10) / 10,
    workers: d.workers,
    slots: d.slots,
  }),
})

metrics.get('/api/v2/admin/queue', { action: 'site:admin' }, async (ctx) =>
  many(queueStatus, await selectQueueDepths(ctx.app.db, null), ctx),
)
