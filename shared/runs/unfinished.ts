import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { isFinal, statuses } from './lifecycle.ts'

/** A run that is not over, as the organization's queue page shows it. */
const UnfinishedRow = z.object({
  id: z.string(),
  workspace_name: z.string(),
  number: z.number(),
  status: z.enum(statuses),
  message: z.string(),
  plan_only: z.boolean(),
  is_destroy: z.boolean(),
  created_by_name: z.string().nullable(),
  created_at: z.date(),
  waits_since: z.date(),
  started_at: z.date().nullable(),
  worker_name: z.string().nullable(),
  is_agent: z.boolean(),
  /** Place among the queued phases of the organization; null when it is in no line. */
  place: z.number().nullable(),
})
export type UnfinishedRun = z.output<typeof UnfinishedRow>

const open = statuses.filter((status) => !isFinal(status))

/**
 * Runs of an organization that are not over, in the order in which workers take them: executing ones, those in line,
 * then the others, oldest first. Places count hidden workspaces too.
 */
export const selectUnfinishedRuns = (tx: Tx, organizationId: string, visible: FragmentSqlToken, limit: number) =>
  tx.any(sql.type(UnfinishedRow)`
    select q.id, w.name as workspace_name, q.number, q.status, q.message, q.plan_only, q.is_destroy,
      coalesce(u.username, t.name) as created_by_name, q.created_at,
      coalesce(q.queued_at, (q.status_timestamps ->> (replace(q.status, '_', '-') || '-at'))::timestamptz, q.created_at)
        as waits_since,
      q.started_at, coalesce(rn.name, ag.name) as worker_name, ag.id is not null as is_agent,
      case when q.phase_status = 'queued' then q.place end as place
    from (
      select r.*, p.status as phase_status, p.queued_at, p.started_at, p.claimed_by, p.band,
        count(*) filter (where p.status = 'queued') over (
          order by p.band, p.dispatched_at is null, p.rank, coalesce(p.dispatched_at, p.queued_at), p.id)::int as place
      from runs r
      left join phases p on p.run_id = r.id and p.status in ('queued', 'running')
      where r.organization_id = ${organizationId} and r.status = any(${sql.array(open, 'text')})) q
    join workspaces w on w.id = q.workspace_id
    left join users u on u.id = q.created_by
    left join teams t on t.id = q.created_by_team_id
    left join runners rn on rn.id = q.claimed_by
    left join agents ag on ag.id = q.claimed_by
    where ${visible}
    order by q.phase_status is null, q.phase_status = 'queued', q.place, q.created_at, q.id
    limit ${limit}`)

const CountsRow = z.object({ running: z.number(), queued: z.number(), pending: z.number(), person: z.number() })
export type UnfinishedCounts = z.output<typeof CountsRow>

/** How many of them a caller sees. */
export const countUnfinishedRuns = (tx: Tx, organizationId: string, visible: FragmentSqlToken) =>
  tx.one(sql.type(CountsRow)`
    select count(*) filter (where r.status in ('planning', 'applying'))::int as running,
      count(*) filter (where r.status in ('plan_queued', 'apply_queued', 'confirmed'))::int as queued,
      count(*) filter (where r.status = 'pending')::int as pending,
      count(*) filter (where r.status in ('planned', 'planned_and_saved', 'post_plan_completed', 'post_plan_awaiting_decision'))::int as person
    from runs r
    join workspaces w on w.id = r.workspace_id
    where r.organization_id = ${organizationId} and r.status = any(${sql.array(open, 'text')}) and ${visible}`)

const WaitRow = z.object({ median_ms: z.number().nullable(), longest_ms: z.number().nullable() })

/** How long phases that began within the last hour had waited for somebody to execute them. */
export const selectRecentWaits = (tx: Tx, organizationId: string) =>
  tx.one(sql.type(WaitRow)`
    select percentile_cont(0.5) within group (order by wait)::float8 as median_ms, max(wait)::float8 as longest_ms
    from (
      select extract(epoch from p.started_at - p.queued_at) * 1000 as wait
      from phases p
      where p.organization_id = ${organizationId} and p.started_at > now() - interval '1 hour'
        and p.queued_at is not null and p.dispatched_at > now() - interval '1 day') waits`)

const PoolsRow = z.object({ slots: z.number(), busy: z.number(), empty: z.number() })

/** Slots of the living agents of an organization, those in use, and pools in use that have no living agent. */
export const selectAgentCapacity = (tx: Tx, organizationId: string, isAlive: FragmentSqlToken) =>
  tx.one(sql.type(PoolsRow)`
    select coalesce(sum(x.slots), 0)::int as slots, coalesce(sum(x.busy), 0)::int as busy,
      (count(*) filter (where x.slots = 0 and x.is_used))::int as empty
    from (
      select coalesce((select sum(ag.concurrency) from agents ag where ag.agent_pool_id = a.id and ${isAlive}), 0) as slots,
        (select count(*) from phases p where p.queue = a.id and p.status = 'running') as busy,
        exists (select 1 from workspaces w where w.agent_pool_id = a.id) as is_used
      from agent_pools a
      where a.organization_id = ${organizationId}) x`)
