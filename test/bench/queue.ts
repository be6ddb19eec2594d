/**
 * `npm run bench:queue`: what the queue costs by itself. Runners whose engine does nothing, on a Postgres that does not
 * wait for its disk, beside a bare loop of pg-boss that fetches and completes. BENCH_BACKLOG=1000,10000 makes it shorter.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { priorityOf } from '../../shared/queues.ts'
import { startRun } from '../support/configurations.ts'
import { startCluster } from '../support/postgres.ts'
import { makeRunnable } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

const SLOTS = 4
const backlogs = (process.env.BENCH_BACKLOG ?? '1000,10000,100000').split(',').map(Number)

const cluster = await startCluster()
process.env.TEST_DATABASE_URL = cluster.url
const server = await startServer({ TOFUTF_DB_POOL: '10' })
const { db, queue } = server.app
for (const name of ['acme', 'zeta'])
  await server.api.post('/organizations', document({ name, email: 'ops@acme.example' }))
const workspaces = await Promise.all(Array.from({ length: 40 }, () => makeRunnable(server, 'acme')))

async function withWorkers<T>(kind: 'phases' | 'bare', count: number, work: () => Promise<T>): Promise<T> {
  const children: ChildProcess[] = []
  for (let i = 0; i < count; i++) {
    const child = fork(join(import.meta.dirname, 'queue-worker.ts'), [kind], {
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: server.app.config.databaseUrl,
        TOFUTF_SECRET: server.app.config.secret,
        TOFUTF_DATA_DIR: server.app.config.dataDir,
        TOFUTF_RUNNER_CONCURRENCY: `${SLOTS}`,
        TOFUTF_LOG_LEVEL: 'error',
      },
    })
    children.push(child)
    await once(child, 'message')
  }
  try {
    return await work()
  } finally {
    for (const child of children) child.kill('SIGTERM')
    await Promise.all(children.map((child) => child.exitCode === null && once(child, 'exit')))
  }
}

const CountRow = z.object({ count: z.number() })
const countDone = async (): Promise<number> =>
  (
    await db.one(
      sql.type(CountRow)`select count(*)::int as count from phases where kind = 'plan' and status = 'finished'`,
    )
  ).count
const countBare = async (): Promise<number> =>
  (
    await db.one(
      sql.type(CountRow)`select count(*)::int as count from pgboss.job where name = 'bare' and state = 'completed'`,
    )
  ).count

/** Plan-only runs that wait for a worker, made by SQL: as many as that by the API would take an hour. */
async function enqueue(count: number): Promise<void> {
  const [template] = workspaces
  const ids = workspaces.map((w) => w.workspaceId)
  await db.query(sql.void`
    with made as (
      insert into runs (id, workspace_id, organization_id, configuration_version_id, number, status, plan_only, engine, engine_version)
      select 'run-' || translate(gen_random_uuid()::text, '-', ''), w.id, w.organization_id, ${template!.configurationId},
        w.run_count + n.n, 'plan_queued', true, 'terraform', '1.11.4'
      from generate_series(1, ${Math.ceil(count / ids.length)}) n (n)
      join workspaces w on w.id = any(${sql.array(ids, 'text')})
      returning id, organization_id),
    phased as (
      insert into phases (id, run_id, kind, status, organization_id, queue, band, queued_at)
      select kind || '-' || substr(m.id, 5), m.id, kind, case kind when 'plan' then 'queued' else 'pending' end,
        m.organization_id, 'runs', 2, clock_timestamp()
      from made m, unnest(array['plan', 'apply']) kind)
    insert into pgboss.job (name, data, priority, singleton_key, retry_limit, policy, heartbeat_seconds, expire_seconds,
      dead_letter, keep_until)
    select 'runs', jsonb_build_object('runId', m.id, 'phase', 'plan'), ${priorityOf('speculative', 0)}, m.id, 3, 'singleton',
      10, 86399, 'runs-lost', now() + interval '1 day'
    from made m`)
  await db.query(sql.void`
    update workspaces w
    set run_count = (select max(number) from runs r where r.workspace_id = w.id)
    where w.id = any(${sql.array(ids, 'text')})`)
  await db.query(sql.void`analyze`)
}

/** Per second, over some seconds of steady work. */
async function rate(count: () => Promise<number>, ms = 8000): Promise<number> {
  await sleep(1500)
  const [from, startedAt] = [await count(), performance.now()]
  await sleep(ms)
  return ((await count()) - from) / ((performance.now() - startedAt) / 1000)
}

async function clear(): Promise<void> {
  await db.query(sql.void`delete from runs`)
  await db.query(sql.void`delete from pgboss.job where name in ('runs', 'bare')`)
  await db.query(sql.void`vacuum analyze`)
}

async function throughput() {
  const rows: Record<string, unknown>[] = []
  await queue.boss.createQueue('bare', { policy: 'singleton', heartbeatSeconds: 10 })
  for (const workers of [1, 2, 4]) {
    await enqueue(8000)
    const phases = await withWorkers('phases', workers, () => rate(countDone))
    await clear()
    await queue.boss.insert(
      'bare',
      Array.from({ length: 30_000 }, (_, i) => ({ data: { i }, singletonKey: `${i}` })),
    )
    await db.query(sql.void`analyze`)
    const bare = await withWorkers('bare', workers, () => rate(countBare))
    await clear()
    rows.push({
      workers: `${workers} × ${SLOTS}`,
      'no-op phases/s': Math.round(phases),
      'bare pg-boss jobs/s': Math.round(bare),
      share: `${Math.round((phases / bare) * 100)} %`,
    })
  }
  return rows
}

const LatencyRow = z.object({ ms: z.number() })

/** From the moment a plan is ready to the moment a worker has taken it, when there is nothing else to do. */
async function pickUp() {
  const ids: string[] = []
  await withWorkers('phases', 2, async () => {
    await sleep(2000)
    for (let i = 0; i < 120; i++) {
      const { workspaceId } = workspaces[i % workspaces.length]!
      ids.push(await startRun(server.api, workspaceId, { 'plan-only': true }))
      await sleep(100)
    }
    await sleep(2000)
  })
  const rows = await db.any(sql.type(LatencyRow)`
    select (extract(epoch from started_at - queued_at) * 1000)::float8 as ms
    from phases
    where kind = 'plan' and run_id = any(${sql.array(ids, 'text')}) and started_at is not null
    order by 1`)
  const at = (p: number) =>
    Math.round((rows[Math.min(rows.length - 1, Math.floor(rows.length * p))]?.ms ?? NaN) * 10) / 10
  return [{ runs: rows.length, 'p50 ms': at(0.5), 'p90 ms': at(0.9), 'p99 ms': at(0.99) }]
}

async function underBacklog() {
  const rows: Record<string, unknown>[] = []
  for (const backlog of backlogs) {
    await enqueue(backlog + 4000)
    const perSecond = await withWorkers('phases', 2, () => rate(countDone))
    rows.push({
      queued: backlog,
      'no-op phases/s': Math.round(perSecond),
      'ms per phase': Math.round(1e5 / perSecond) / 100,
    })
    await clear()
  }
  return rows
}

const OrderRow = z.object({ organization: z.string(), position: z.number() })

/** One organization queues 200 runs, then another one 5: how many of the 200 go first? */
async function fairness() {
  const other = await makeRunnable(server, 'zeta')
  for (let i = 0; i < 200; i++) await startRun(server.api, workspaces[i % 40]!.workspaceId, { 'plan-only': true })
  for (let i = 0; i < 5; i++) await startRun(server.api, other.workspaceId, { 'plan-only': true })
  await withWorkers('phases', 1, async () => {
    for (const until = Date.now() + 60_000; (await countDone()) < 205 && Date.now() < until; ) await sleep(200)
  })
  const rows = await db.any(sql.type(OrderRow)`
    select o.name as organization, row_number() over (order by p.started_at)::int as position
    from phases p
    join runs r on r.id = p.run_id
    join organizations o on o.id = r.organization_id
    where p.kind = 'plan' and p.started_at is not null`)
  const positions = rows.filter((r) => r.organization === 'zeta').map((r) => r.position)
  return [{ 'queued before': 200, 'places of the later five': positions.sort((a, b) => a - b).join(', ') }]
}

try {
  const parts: [title: string, measure: (of: TestServer) => Promise<Record<string, unknown>[]>][] = [
    ['Throughput with a backlog of 8,000', throughput],
    ['Pick-up when idle, 2 workers', pickUp],
    ['Two workers under a backlog', underBacklog],
    ['Fairness between organizations, 1 worker', fairness],
  ]
  for (const [title, measure] of parts) {
    await clear()
    console.log(title)
    console.table(await measure(server))
  }
} finally {
  await server.stop()
  await cluster.stop()
}
process.exit(0)
