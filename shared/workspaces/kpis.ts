import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { WorkspaceRow, workspaceColumns, workspaceTables } from './queries.ts'

export const WorkspaceKpis = z.object({
  run_failures: z.number(),
  /** means in milliseconds; null: no run got that far */
  plan_ms: z.number().nullable(),
  apply_ms: z.number().nullable(),
})
export type WorkspaceKpis = z.output<typeof WorkspaceKpis>

/** Failures and mean durations of the last 30 runs of the workspace `w`, as a column. */
export const kpisColumn = sql.fragment`(
  select jsonb_build_object(
    'run_failures', count(*) filter (where p.kind = 'plan' and r.status = 'errored'),
    'plan_ms', avg(extract(epoch from p.finished_at - p.started_at) * 1000) filter (where p.kind = 'plan'),
    'apply_ms', avg(extract(epoch from p.finished_at - p.started_at) * 1000) filter (where p.kind = 'apply'))
  from (
    select x.id, x.status
    from runs x
    where x.workspace_id = w.id
    order by x.created_at desc, x.id
    limit 30) r
  join phases p on p.run_id = r.id) as kpis`

const ShownRow = WorkspaceRow.extend({ kpis: WorkspaceKpis })
export type ShownWorkspace = z.output<typeof ShownRow>

/** A workspace with its figures, by its id or by its name. */
export const selectOptionalShownWorkspace = (tx: Tx, is: FragmentSqlToken) =>
  tx.maybeOne(sql.type(ShownRow)`
    select ${workspaceColumns}, ${kpisColumn}
    from ${workspaceTables}
    where ${is}`)

const KpiRow = z.object({ id: z.string(), kpis: WorkspaceKpis })

/** The figures of several workspaces. */
export async function selectWorkspaceKpis(tx: Tx, ids: readonly string[]): Promise<Map<string, WorkspaceKpis>> {
  const rows = await tx.any(sql.type(KpiRow)`
    select w.id, ${kpisColumn}
    from workspaces w
    where w.id = any(${sql.array([...ids], 'text')})`)
  return new Map(rows.map((row) => [row.id, row.kpis]))
}
