import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { isAlive } from '../agents/agents.ts'
import { RUNNERS } from './dispatch.ts'
import { statuses } from './lifecycle.ts'

/** What the reasons of waiting (waiting.ts) are made from. */
const WaitingRow = z.object({
  id: z.string(),
  status: z.enum(statuses),
  organization_id: z.string(),
  engine: z.string(),
  engine_version: z.string(),
  updated_at: z.date(),
  /** when it came to its status */
  status_since: z.date().nullable(),
  holder_run_id: z.string().nullable(),
  holder_number: z.number().nullable(),
  holder_status: z.enum(statuses).nullable(),
  holder_since: z.date().nullable(),
  locker: z.string().nullable(),
  locked_at: z.date().nullable(),
  lock_reason: z.string(),
  older: z.number(),
  queue: z.string().nullable(),
  queued_at: z.date().nullable(),
  dispatched_at: z.date().nullable(),
  ahead: z.number(),
})
export type WaitingRun = z.output<typeof WaitingRow>

export const selectWaitingRuns = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(WaitingRow)`
    select r.id, r.status, r.organization_id, r.engine, r.engine_version, r.updated_at,
      (r.status_timestamps ->> (replace(r.status, '_', '-') || '-at'))::timestamptz as status_since,
      h.id as holder_run_id, h.number as holder_number, h.status as holder_status,
      (h.status_timestamps ->> (replace(h.status, '_', '-') || '-at'))::timestamptz as holder_since,
      coalesce(u.username, t.name) as locker, w.locked_at, w.lock_reason,
      case when r.status = 'pending' then (
        select count(*)::int
        from runs o
        where o.workspace_id = r.workspace_id and o.status = 'pending'
          and coalesce(o.queue_position, o.number) < coalesce(r.queue_position, r.number))
      else 0 end as older,
      p.queue, p.queued_at, p.dispatched_at,
      case when p.dispatched_at is null then 0 else (
        select count(*)::int
        from (
          select 1
          from phases q
          where q.queue = p.queue and q.status = 'queued' and q.dispatched_at is not null
            and (q.band, q.rank, q.dispatched_at, q.id) < (p.band, p.rank, p.dispatched_at, p.id)
          limit 1001) q)
      end as ahead
    from runs r
    join workspaces w on w.id = r.workspace_id
    left join runs h on h.id = w.holder_run_id and h.id <> r.id
    left join users u on u.id = w.locked_by_user_id
    left join teams t on t.id = w.locked_by_team_id
    left join phases p on p.run_id = r.id and p.status = 'queued'
    where r.id = any(${sql.array([...ids], 'text')})`)

const CapacityRow = z.object({
  alive: z.number(),
  slots: z.number(),
  running: z.number(),
  last_seen_at: z.date().nullable(),
  /** `terraform 1.11.4` */
  engines: z.array(z.string()),
})
export type Capacity = z.output<typeof CapacityRow>

/** Runners tell every 10 s that they live. */
const isRunnerAlive = sql.fragment`w.heartbeat_at > now() - interval '30 seconds'`

export const selectCapacityOfRunners = (tx: Tx) =>
  tx.one(sql.type(CapacityRow)`
    select count(*) filter (where ${isRunnerAlive})::int as alive,
      coalesce(sum(w.concurrency) filter (where ${isRunnerAlive}), 0)::int as slots,
      max(w.heartbeat_at) as last_seen_at,
      (select count(*)::int from phases p where p.queue = ${RUNNERS} and p.status = 'running') as running,
      array(
        select distinct (e ->> 'name') || ' ' || (e ->> 'version')
        from runners w
        cross join lateral jsonb_array_elements(w.engines) e
        where ${isRunnerAlive} and e ->> 'name' is not null and e ->> 'version' is not null) as engines
    from runners w`)

const PoolRow = CapacityRow.extend({
  id: z.string(),
  name: z.string(),
  limit: z.number().nullable(),
  in_work: z.number(),
})

export const selectCapacityOfPools = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(PoolRow)`
    select a.id, a.name, a.concurrent_run_limit as limit, count(ag.id) filter (where ${isAlive})::int as alive,
      coalesce(sum(ag.concurrency) filter (where ${isAlive}), 0)::int as slots,
      max(ag.last_ping_at) as last_seen_at,
      (select count(*)::int from phases p where p.queue = a.id and p.status = 'running') as running,
      (
        select count(*)::int
        from phases p
        where p.organization_id = a.organization_id and p.queue = a.id and p.status in ('queued', 'running')
          and p.dispatched_at is not null) as in_work,
      '{}'::text[] as engines
    from agent_pools a
    left join agents ag on ag.agent_pool_id = a.id
    where a.id = any(${sql.array([...ids], 'text')})
    group by a.id`)

const LimitsRow = z.object({ organization_id: z.string(), limit: z.number().nullable(), in_work: z.number() })
export type Limits = z.output<typeof LimitsRow>

export const selectLimits = (tx: Tx, organizationIds: readonly string[]) =>
  tx.any(sql.type(LimitsRow)`
    select o.id as organization_id, (o.settings ->> 'concurrent-run-limit')::int as limit, (
      select count(*)::int
      from phases p
      where p.organization_id = o.id and p.status in ('queued', 'running') and p.dispatched_at is not null) as in_work
    from organizations o
    where o.id = any(${sql.array([...organizationIds], 'text')})`)
