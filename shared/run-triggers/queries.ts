import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** An applied run in the source workspace starts one in the workspace. */
export const RunTriggerRow = z.object({
  id: z.string(),
  workspace_id: z.string(),
  workspace_name: z.string(),
  project_id: z.string(),
  organization_id: z.string(),
  source_workspace_id: z.string(),
  source_name: z.string(),
  created_at: z.date(),
})
export type RunTrigger = z.output<typeof RunTriggerRow>

const columns = sql.fragment`
  t.id, t.workspace_id, d.name as workspace_name, d.project_id, d.organization_id, t.source_workspace_id,
  s.name as source_name, t.created_at`

const tables = sql.fragment`
  run_triggers t
  join workspaces d on d.id = t.workspace_id
  join workspaces s on s.id = t.source_workspace_id
  join organizations o on o.id = d.organization_id and o.deleted_at is null`

export const selectOptionalRunTrigger = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(RunTriggerRow)`
    select ${columns}
    from ${tables}
    where t.id = ${id}`)

export const selectRunTrigger = (tx: Tx, id: string) =>
  tx.one(sql.type(RunTriggerRow)`
    select ${columns}
    from ${tables}
    where t.id = ${id}`)

const CountRow = z.object({ count: z.number() })

/** inbound: what starts runs in this workspace; outbound: where its runs start others. Only with a visible other side. */
export async function selectRunTriggersPage(
  tx: Tx,
  workspaceId: string,
  direction: 'inbound' | 'outbound',
  visible: FragmentSqlToken,
  page: { size: number; offset: number },
) {
  const where =
    direction === 'inbound'
      ? sql.fragment`t.workspace_id = ${workspaceId} and exists (select 1 from workspaces w where w.id = s.id and ${visible})`
      : sql.fragment`t.source_workspace_id = ${workspaceId} and exists (select 1 from workspaces w where w.id = d.id and ${visible})`
  const rows = await tx.any(sql.type(RunTriggerRow)`
    select ${columns}
    from ${tables}
    where ${where}
    order by t.created_at, t.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(CountRow)`
    select count(*)::int as count
    from ${tables}
    where ${where}`)
  return { rows, totalCount: count }
}
