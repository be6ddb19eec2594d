import type { App } from '../shared/app.ts'
import { refreshReleases } from '../shared/engines/releases.ts'
import { attemptDelivery } from '../shared/notifications/deliver.ts'
import { type Payload, type QueueName, queues } from '../shared/queues.ts'
import { losePhase } from '../shared/runs/hold.ts'
import { askTask, checkTimeout } from '../shared/tasks/ask.ts'
import { deleteOrganizationRows } from './background/organization-delete.ts'
import { makePlanExport } from './background/plan-export.ts'
import { cutLargePlan } from './background/plan-rows.ts'
import { evaluatePolicies } from './background/policy-evaluation.ts'
import { processState } from './background/state-process.ts'
import { sweep, sweeps } from './background/sweep.ts'

type Background = Exclude<QueueName, 'runs' | 'test-runs'>

/** Queue → handler and how many at a time. Each handler is idempotent: a job may come twice. */
const handlers: { [Q in Background]: { run: (app: App, payload: Payload<Q>) => Promise<void>; concurrency: number } } =
  {
    'runs-lost': { run: (app, job) => losePhase(app, job.runId, job.phase), concurrency: 2 },
    'state-process': { run: (app, job) => processState(app, job.stateVersionId), concurrency: 1 },
    'plan-rows': { run: (app, job) => cutLargePlan(app, job.planId), concurrency: 1 },
    'plan-export': { run: (app, job) => makePlanExport(app, job.planExportId), concurrency: 1 },
    'organization-delete': { run: (app, job) => deleteOrganizationRows(app, job.organizationId), concurrency: 1 },
    // many at a time: a receiver that hangs must not hold up the others
    notify: { run: (app, job) => attemptDelivery(app, job.deliveryId), concurrency: 8 },
    'run-task': { run: (app, job) => askTask(app, job.taskResultId), concurrency: 8 },
    'run-task-timeout': { run: (app, job) => checkTimeout(app, job.taskResultId), concurrency: 1 },
    'policy-evaluation': { run: (app, job) => evaluatePolicies(app, job.policyEvaluationId), concurrency: 2 },
    'engine-releases': { run: (app) => refreshReleases(app), concurrency: 1 },
    sweep: { run: (app, job) => sweep(app, job.name), concurrency: 3 },
  }

export async function startJobs(app: App): Promise<void> {
  for (const [name, { run, concurrency }] of Object.entries(handlers) as [
    Background,
    (typeof handlers)[Background],
  ][]) {
    const schema = queues[name].payload
    const options = { localConcurrency: concurrency, pollingIntervalSeconds: 2, notifyPollingIntervalSeconds: 5 }
    await app.queue.boss.work(name, options, async ([job]) => {
      await (run as (app: App, payload: unknown) => Promise<void>)(app, schema.parse(job!.data))
    })
  }
  // a schedule of an earlier version
  await app.queue.boss.unschedule('sweep')
  for (const [name, { cron }] of Object.entries(sweeps))
    await app.queue.boss.schedule('sweep', cron, { name }, { key: name, singletonKey: name })
  await app.queue.boss.schedule('engine-releases', '17 4 * * *', {})
  await app.queue.boss.send('engine-releases', {})
  app.log.info('jobs: ready')
}
