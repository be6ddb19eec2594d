import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { resolveVersion, versionsAtHand } from '../engines/versions.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { notify } from '../live.ts'
import { closeTestLog } from './test-logs.ts'

export const testStatuses = ['pending', 'skip', 'pass', 'fail', 'error'] as const

const TestRunRow = z.object({
  id: z.string(),
  module_id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  module_name: z.string(),
  configuration_id: z.string(),
  blob_id: z.string().nullable(),
  status: z.enum(['queued', 'running', 'errored', 'canceled', 'finished']),
  test_status: z.enum(testStatuses),
  tests_passed: z.number(),
  tests_failed: z.number(),
  tests_errored: z.number(),
  tests_skipped: z.number(),
  status_timestamps: z.record(z.string(), z.string()),
  filters: z.array(z.string()),
  test_directory: z.string(),
  is_verbose: z.boolean(),
  parallelism: z.number().nullable(),
  variables: z.instanceof(Buffer),
  engine: z.enum(['terraform', 'tofu']),
  engine_version: z.string(),
  stop_wish: z.enum(['cancel', 'force']).nullable(),
  error_reason: z.string().nullable(),
  created_at: z.date(),
})
export type TestRun = z.output<typeof TestRunRow>

const columns = sql.fragment`
  t.id, t.module_id, m.organization_id, o.name as organization_name, m.name as module_name, t.configuration_id,
  c.blob_id, t.status, t.test_status, t.tests_passed, t.tests_failed, t.tests_errored, t.tests_skipped,
  t.status_timestamps, t.filters, t.test_directory, t.is_verbose, t.parallelism, t.variables, t.engine, t.engine_version,
  t.stop_wish, t.error_reason, t.created_at`

const tables = sql.fragment`
  test_runs t
  join test_configurations c on c.id = t.configuration_id
  join registry_modules m on m.id = t.module_id
  join organizations o on o.id = m.organization_id and o.deleted_at is null`

export const selectOptionalTestRun = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TestRunRow)`
    select ${columns}
    from ${tables}
    where t.id = ${id}`)

const lockTestRun = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TestRunRow)`
    select ${columns}
    from ${tables}
    where t.id = ${id}
    for update of t`)

/** Newest first. */
export async function selectTestRunsPage(tx: Tx, moduleId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(TestRunRow)`
    select ${columns}
    from ${tables}
    where t.module_id = ${moduleId}
    order by t.created_at desc, t.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from test_runs
    where module_id = ${moduleId}`)
  return { rows, totalCount: count }
}

export const TestVariables = z.array(z.object({ key: z.string(), value: z.string() }))

export interface NewTestRun {
  moduleId: string
  configurationId: string
  filters: readonly string[]
  testDirectory: string
  verbose: boolean
  parallelism: number | null
  variables: z.output<typeof TestVariables>
  createdBy: string | null
}

/** Terraform, as only its CLI starts these; tofu where a runner has nothing else. */
async function engineOf(tx: Tx): Promise<'terraform' | 'tofu'> {
  if ((await versionsAtHand(tx, 'terraform')).length > 0) return 'terraform'
  return (await versionsAtHand(tx, 'tofu')).length > 0 ? 'tofu' : 'terraform'
}

/** A test run in its queue; a runner takes it as soon as it has a slot. */
export async function createTestRun(app: App, tx: Tx, run: NewTestRun): Promise<string> {
  const id = newId('trun')
  const engine = await engineOf(tx)
  const sealed = app.secrets.seal(JSON.stringify(run.variables), `test_runs.variables:${id}`)
  await tx.query(sql.void`
    insert into test_runs (id, module_id, configuration_id, filters, test_directory, is_verbose, parallelism, variables,
      engine, engine_version, status_timestamps, created_by)
    values (${id}, ${run.moduleId}, ${run.configurationId}, ${sql.array([...run.filters], 'text')},
      ${run.testDirectory}, ${run.verbose}, ${run.parallelism}, ${sql.binary(sealed)}, ${engine},
      ${await resolveVersion(app, tx, engine, 'latest')}, ${sql.jsonb({ 'queued-at': app.now().toISOString() })},
      ${run.createdBy})`)
  await app.queue.send(tx, 'test-runs', { testRunId: id })
  return id
}

export interface TestSummary {
  status: (typeof testStatuses)[number]
  passed: number
  failed: number
  errored: number
  skipped: number
}

type Ending = { status: 'finished'; summary: TestSummary } | { status: 'errored' | 'canceled'; reason: string | null }

/** Makes it terminal and ends its log, in one transaction. False when it was terminal before. */
export const endTestRun = (app: App, id: string, ending: Ending): Promise<boolean> =>
  app.db.transaction(async (tx) => {
    const run = await lockTestRun(tx, id)
    if (!run || (run.status !== 'queued' && run.status !== 'running')) return false
    const counts = ending.status === 'finished' ? ending.summary : { passed: 0, failed: 0, errored: 0, skipped: 0 }
    const stamps: Record<string, string> = { [`${ending.status}-at`]: app.now().toISOString() }
    if (ending.status === 'canceled' && run.stop_wish === 'force') stamps['force-canceled-at'] = stamps['canceled-at']!
    await tx.query(sql.void`
      update test_runs
      set status = ${ending.status}, test_status = ${ending.status === 'finished' ? ending.summary.status : 'error'},
        tests_passed = ${counts.passed}, tests_failed = ${counts.failed}, tests_errored = ${counts.errored},
        tests_skipped = ${counts.skipped}, error_reason = ${ending.status === 'finished' ? null : ending.reason},
        status_timestamps = status_timestamps || ${sql.jsonb(stamps)}
      where id = ${id}`)
    await closeTestLog(tx, id)
    return true
  })

/**
 * A worker's first act with a job. null: it is not to be executed, since it was canceled, or a worker had it before
 * and is lost: tests make real resources, so they are never repeated.
 */
export async function takeTestRun(app: App, id: string): Promise<TestRun | null> {
  const taken = await app.db.transaction(async (tx) => {
    const run = await lockTestRun(tx, id)
    if (run?.status !== 'queued') return { run, isOurs: false }
    await tx.query(sql.void`
      update test_runs
      set status = 'running', status_timestamps = status_timestamps || ${sql.jsonb({ 'started-at': app.now().toISOString() })}
      where id = ${id}`)
    return { run, isOurs: true }
  })
  if (taken.isOurs) return taken.run
  const reason = 'The worker was lost during the tests. What they had made may still be there.'
  if (taken.run?.status === 'running') await endTestRun(app, id, { status: 'errored', reason })
  return null
}

/**
 * Cancels: one that waits ends at once, a running one is interrupted and destroys what it made; force kills it.
 * @throws problem 'transition_not_allowed' (409) when it is over, or is forced before it was canceled
 */
export async function stopTestRun(app: App, id: string, wish: 'cancel' | 'force'): Promise<void> {
  const isQueued = await app.db.transaction(async (tx) => {
    const run = await lockTestRun(tx, id)
    if (!run) throw problem('not_found')
    if (run.status !== 'queued' && run.status !== 'running')
      throw problem('transition_not_allowed', `The test run is ${run.status}.`)
    if (wish === 'force' && run.stop_wish === null)
      throw problem('transition_not_allowed', 'Cancel the test run before you force it to end.')
    await tx.query(sql.void`
      update test_runs
      set stop_wish = ${wish}
      where id = ${id}`)
    await notify(tx, 'test-stop', id)
    return run.status === 'queued'
  })
  if (isQueued) await endTestRun(app, id, { status: 'canceled', reason: null })
}
