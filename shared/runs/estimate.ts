import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { isFinal, type RunStatus } from './lifecycle.ts'

/** Newest phases that the usual duration is the median of; runs looked through to find them. */
const PHASES = 10
const RUNS = 50

const EstimateRow = z.object({
  id: z.string(),
  /** Seconds; null: none has ended well yet. */
  plan_s: z.number().nullable(),
  apply_s: z.number().nullable(),
  /** When the run will start; null: not known, or a person decides. */
  starts_at: z.date().nullable(),
})
export type Estimate = z.output<typeof EstimateRow>

/** Each run's phases are looked up by its id (`offset 0`): no wrong guess of the planner reads the whole table. */
const usual = sql.fragment`
  select percentile_cont(0.5) within group (order by d.seconds) filter (where d.kind = 'plan')::float8 as plan_s,
    percentile_cont(0.5) within group (order by d.seconds) filter (where d.kind = 'apply')::float8 as apply_s
  from (
    select p.kind, extract(epoch from p.finished_at - p.started_at) as seconds,
      row_number() over (partition by p.kind order by p.finished_at desc) as place
    from (
      select x.id
      from runs x
      where x.workspace_id = r.workspace_id
      order by x.created_at desc, x.id
      limit ${RUNS}) x
    cross join lateral (
      select p.kind, p.started_at, p.finished_at
      from phases p
      where p.run_id = x.id and p.status = 'finished'
      offset 0) p) d
  where d.place <= ${PHASES}`

/**
 * How long plan and apply usually take in the run's workspace, and when a run behind another one may start: when the
 * holder and all before it apply by themselves. One statement for any number of runs.
 */
export async function estimates(
  tx: Tx,
  runs: readonly { id: string; status: RunStatus }[],
): Promise<Map<string, Estimate>> {
  const ids = runs.filter((run) => !isFinal(run.status)).map((run) => run.id)
  if (ids.length === 0) return new Map()
  const rows = await tx.any(sql.type(EstimateRow)`
    select r.id, u.plan_s, u.apply_s,
      case
        when r.status = 'pending' and h.status <> 'planned' and (h.auto_apply or h.status in ('apply_queued', 'applying'))
          and before.all_auto
        then greatest(now(), coalesce(hp.started_at, now()) + make_interval(secs =>
          case when hp.kind = 'apply' then u.apply_s else u.plan_s + u.apply_s end))
          + make_interval(secs => before.count * (u.plan_s + u.apply_s))
      end as starts_at
    from runs r
    join workspaces w on w.id = r.workspace_id
    left join runs h on h.id = w.holder_run_id and h.id <> r.id
    left join phases hp on hp.run_id = h.id and hp.status in ('queued', 'running')
    cross join lateral (${usual}) u
    cross join lateral (
      select count(*) as count, coalesce(bool_and(o.auto_apply), true) as all_auto
      from runs o
      where r.status = 'pending' and o.workspace_id = r.workspace_id and o.status = 'pending'
        and coalesce(o.queue_position, o.number) < coalesce(r.queue_position, r.number)) before
    where r.id = any(${sql.array(ids, 'text')})`)
  return new Map(rows.map((row) => [row.id, row]))
}
