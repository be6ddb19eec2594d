import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

const DayRow = z.object({
  /** `2026-11-25`, in UTC */
  day: z.string(),
  done: z.number(),
  failed: z.number(),
  stopped: z.number(),
  open: z.number(),
})

/** Runs of these days: of one workspace, or of those of an organization that the caller sees. */
export type RunsOf = { workspaceId: string } | { organizationId: string; visible: FragmentSqlToken }

const within = (of: RunsOf): FragmentSqlToken =>
  'workspaceId' in of
    ? sql.fragment`r.workspace_id = ${of.workspaceId}`
    : sql.fragment`r.organization_id = ${of.organizationId} and ${of.visible}`

/** How many runs were made on each day, by what became of them; days without one are left out. */
export const selectRunDays = (tx: Tx, of: RunsOf, since: Date) =>
  tx.any(sql.type(DayRow)`
    select (r.created_at at time zone 'UTC')::date::text as day,
      count(*) filter (where r.status in ('applied', 'planned_and_finished'))::int as done,
      count(*) filter (where r.status = 'errored')::int as failed,
      count(*) filter (where r.status in ('discarded', 'canceled'))::int as stopped,
      count(*) filter (where r.finished_at is null)::int as open
    from runs r
    join workspaces w on w.id = r.workspace_id
    where ${within(of)} and r.created_at >= ${since.toISOString()}::timestamptz
    group by (r.created_at at time zone 'UTC')::date
    order by 1`)

const TimesRow = z.object({
  day: z.string(),
  wait_ms: z.number().nullable(),
  longest_wait_ms: z.number().nullable(),
  plan_ms: z.number().nullable(),
  apply_ms: z.number().nullable(),
})

/**
 * Medians of each day, in milliseconds: how long a phase waited for somebody to execute it, and how long plans and
 * applies took that ended well. Taken from the newest `most` runs, so that the page costs the same in a crowd.
 */
export const selectRunTimes = (tx: Tx, of: RunsOf, since: Date, most: number) =>
  tx.any(sql.type(TimesRow)`
    with newest as (
      select r.id
      from runs r
      join workspaces w on w.id = r.workspace_id
      where ${within(of)} and r.created_at >= ${since.toISOString()}::timestamptz
      order by r.created_at desc, r.id
      limit ${most}),
    times as (
      select p.kind, (p.started_at at time zone 'UTC')::date as day,
        extract(epoch from p.started_at - p.queued_at) * 1000 as wait,
        case when p.status = 'finished' then extract(epoch from p.finished_at - p.started_at) * 1000 end as took
      from newest n
      join phases p on p.run_id = n.id
      where p.started_at >= ${since.toISOString()}::timestamptz)
    select day::text as day, percentile_cont(0.5) within group (order by wait)::float8 as wait_ms,
      max(wait)::float8 as longest_wait_ms,
      (percentile_cont(0.5) within group (order by took) filter (where kind = 'plan'))::float8 as plan_ms,
      (percentile_cont(0.5) within group (order by took) filter (where kind = 'apply'))::float8 as apply_ms
    from times
    group by day
    order by day`)
