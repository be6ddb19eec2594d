import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** A run as lists of people show it: who, when, how long, and what changes. */
export const RecentRow = z.object({
  id: z.string(),
  workspace_id: z.string(),
  number: z.number(),
  status: z.string(),
  message: z.string(),
  source: z.string(),
  plan_only: z.boolean(),
  has_changes: z.boolean(),
  is_destroy: z.boolean(),
  force_canceled_at: z.date().nullable(),
  created_at: z.date(),
  finished_at: z.date().nullable(),
  created_by_name: z.string().nullable(),
  is_planned: z.boolean(),
  additions: z.number(),
  changes: z.number(),
  destructions: z.number(),
})
export type RecentRun = z.output<typeof RecentRow>

export const recentColumns = sql.fragment`
  r.id, r.workspace_id, r.number, r.status, r.message, r.source, r.plan_only, r.has_changes, r.is_destroy,
  r.force_canceled_at, r.created_at, r.finished_at, coalesce(u.username, t.name) as created_by_name,
  p.status = 'finished' as is_planned, p.additions, p.changes, p.destructions`
export const recentJoined = sql.fragment`
  left join users u on u.id = r.created_by
  left join teams t on t.id = r.created_by_team_id
  join phases p on p.run_id = r.id and p.kind = 'plan'`

/** The newest runs of each of the workspaces, newest first. */
export const selectRecentRuns = (tx: Tx, workspaceIds: readonly string[], ofEach: number) =>
  tx.any(sql.type(RecentRow)`
    select ${recentColumns}
    from unnest(${sql.array([...workspaceIds], 'text')}) as w (id)
    cross join lateral (
      select *
      from runs r
      where r.workspace_id = w.id
      order by r.created_at desc, r.id desc
      limit ${ofEach}
    ) r
    ${recentJoined}
    order by r.created_at desc, r.id desc`)

/** Runs by id, in no order. */
export const selectRecentRunsById = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(RecentRow)`
    select ${recentColumns}
    from runs r
    ${recentJoined}
    where r.id = any(${sql.array([...ids], 'text')})`)

const NeighbourRow = z.object({ id: z.string(), number: z.number() })

/** The runs of the workspace before and after one. */
export async function selectNeighbours(tx: Tx, run: { workspace_id: string; number: number }) {
  const before = await tx.maybeOne(sql.type(NeighbourRow)`
    select id, number
    from runs
    where workspace_id = ${run.workspace_id} and number < ${run.number}
    order by number desc
    limit 1`)
  const after = await tx.maybeOne(sql.type(NeighbourRow)`
    select id, number
    from runs
    where workspace_id = ${run.workspace_id} and number > ${run.number}
    order by number
    limit 1`)
  return { before, after }
}

/** A page of one workspace's runs, newest first. `statuses` null: all. */
export async function selectRecentRunsPage(
  tx: Tx,
  workspaceId: string,
  filter: { statuses: readonly string[] | null; q: string | null },
  page: { size: number; offset: number },
) {
  const where = sql.fragment`r.workspace_id = ${workspaceId}
    and (${filter.statuses === null} or r.status = any(${sql.array([...(filter.statuses ?? [])], 'text')}))
    and (${filter.q}::text is null or r.id = ${filter.q} or strpos(lower(r.message), lower(${filter.q})) > 0)`
  const rows = await tx.any(sql.type(RecentRow)`
    select ${recentColumns}
    from runs r
    ${recentJoined}
    where ${where}
    order by r.created_at desc, r.id desc
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from runs r
    where ${where}`)
  return { rows, totalCount }
}

const StateRow = z.object({ status: z.string().nullable(), count: z.number() })

/**
 * How many of the workspaces that a caller sees have a current run in each status. Runs that are over, but for failed
 * ones, are 'quiet' together; null: no run yet.
 */
export const countCurrentStatuses = (tx: Tx, organizationId: string, visible: FragmentSqlToken) =>
  tx.any(sql.type(StateRow)`
    select coalesce(nr.status, case when w.current_run_id is not null then 'quiet' end) as status, count(*)::int as count
    from workspaces w
    left join runs nr on nr.id = w.current_run_id and (nr.finished_at is null or nr.status = 'errored')
    where w.organization_id = ${organizationId} and ${visible}
    group by 1`)

const BehindRow = z.object({ workspace_id: z.string(), count: z.number() })

/** How many runs of each workspace wait for their turn; workspaces where none does are left out. */
export const countPendingRuns = (tx: Tx, workspaceIds: readonly string[]) =>
  tx.any(sql.type(BehindRow)`
    select workspace_id, count(*)::int as count
    from runs
    where workspace_id = any(${sql.array([...workspaceIds], 'text')}) and status = 'pending'
    group by workspace_id`)
