import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** What a site admin looks at first: who works, what waits, what failed. */
const RunnerRow = z.object({
  id: z.string(),
  name: z.string(),
  version: z.string(),
  concurrency: z.number(),
  engines: z.array(z.object({ name: z.string(), version: z.string() })),
  started_at: z.date(),
  heartbeat_at: z.date(),
  is_alive: z.boolean(),
  busy: z.number(),
})

/** Living runners first, then the newest of those that were lost. */
export const selectRunners = (tx: Tx, limit: number) =>
  tx.any(sql.type(RunnerRow)`
    select rn.id, rn.name, rn.version, rn.concurrency, rn.engines, rn.started_at, rn.heartbeat_at,
      rn.heartbeat_at > now() - interval '30 seconds' as is_alive,
      (select count(*)::int from phases p where p.claimed_by = rn.id and p.status = 'running') as busy
    from runners rn
    order by rn.heartbeat_at > now() - interval '30 seconds' desc, rn.heartbeat_at desc, rn.id
    limit ${limit}`)

const TotalsRow = z.object({
  database_bytes: z.number(),
  organizations: z.number(),
  users: z.number(),
  workspaces: z.number(),
  /** as the statistics of the database have it */
  runs: z.number(),
  waiting: z.number(),
  oldest_queued_at: z.date().nullable(),
})

export const selectSiteTotals = (tx: Tx) =>
  tx.one(sql.type(TotalsRow)`
    select pg_database_size(current_database())::float8 as database_bytes,
      (select count(*)::int from organizations where deleted_at is null) as organizations,
      (select count(*)::int from users) as users,
      (select count(*)::int from workspaces) as workspaces,
      (select greatest(reltuples, 0)::float8 from pg_class where oid = 'runs'::regclass) as runs,
      (select count(*)::int from phases where status = 'queued' and dispatched_at is not null) as waiting,
      (select min(dispatched_at) from phases where status = 'queued' and dispatched_at is not null) as oldest_queued_at`)

const QueueRow = z.object({ name: z.string(), waiting: z.number(), active: z.number(), failed: z.number() })

/** Jobs of each queue, by name; failed ones are those that pg-boss still keeps. */
export const selectJobQueues = (tx: Tx) =>
  tx.any(sql.type(QueueRow)`
    select q.name,
      count(*) filter (where j.state in ('created', 'retry'))::int as waiting,
      count(*) filter (where j.state = 'active')::int as active,
      count(*) filter (where j.state = 'failed')::int as failed
    from pgboss.queue q
    left join pgboss.job j on j.name = q.name
    where q.name not like 'runs.%' and q.name not like '\_\_pgboss%'
    group by q.name
    order by q.name`)
