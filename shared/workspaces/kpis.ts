import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

const KpiRow = z.object({
  workspace_id: z.string(),
  run_failures: z.number(),
  plan_ms: z.number().nullable(),
  apply_ms: z.number().nullable(),
})
export type WorkspaceKpis = z.output<typeof KpiRow>

/** Failures and mean durations of the last 30 runs of each workspace. */
export async function selectWorkspaceKpis(tx: Tx, ids: readonly string[]): Promise<Map<string, WorkspaceKpis>> {
  const rows = await tx.any(sql.type(KpiRow)`
    select w.id as workspace_id, count(*) filter (where p.kind = 'plan' and r.status = 'errored')::int as run_failures,
      avg(extract(epoch from p.finished_at - p.started_at) * 1000) filter (where p.kind = 'plan')::float8 as plan_ms,
      avg(extract(epoch from p.finished_at - p.started_at) * 1000) filter (where p.kind = 'apply')::float8 as apply_ms
    from workspaces w
    cross join lateral (
      select x.id, x.status
      from runs x
      where x.workspace_id = w.id
      order by x.created_at desc, x.id
      limit 30) r
    join phases p on p.run_id = r.id
    where w.id = any(${sql.array([...ids], 'text')})
    group by w.id`)
  return new Map(rows.map((row) => [row.workspace_id, row]))
}
