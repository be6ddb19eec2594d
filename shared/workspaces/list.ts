import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { WorkspaceRow, workspaceColumns, workspaceTables } from './queries.ts'

export interface WorkspaceFilter {
  /** null: of the whole site */
  organizationId: string | null
  /** condition of visibleWorkspaces */
  visible: FragmentSqlToken
  /** part of the name */
  name?: string | undefined
  /** name with `*` */
  wildcardName?: string | undefined
  /** has all of these keys */
  tags?: readonly string[]
  /** has none of these keys */
  excludeTags?: readonly string[]
  /** has all of these; without a value any value does */
  tagged?: readonly { key: string; value: string | undefined }[]
  projectId?: string | undefined
  currentRunStatuses?: readonly string[]
  sort?: string | undefined
}

const hasTag = (key: string, value?: string) => sql.fragment`exists (
  select 1 from tag_bindings b
  where b.workspace_id = w.id and b.organization_id = w.organization_id and b.key = ${key} and (${value ?? null}::text is null or b.value = ${value ?? null}))`

/** `*` stands for any text; everything else for itself. */
const likePattern = (text: string): string => text.replace(/[\\%_]/g, '\\$&').replaceAll('*', '%')

function conditions(filter: WorkspaceFilter): FragmentSqlToken[] {
  const all = [filter.visible]
  if (filter.organizationId !== null) all.push(sql.fragment`w.organization_id = ${filter.organizationId}`)
  if (filter.name) all.push(sql.fragment`strpos(lower(w.name), lower(${filter.name})) > 0`)
  if (filter.wildcardName) all.push(sql.fragment`lower(w.name) like lower(${likePattern(filter.wildcardName)})`)
  for (const key of filter.tags ?? []) all.push(hasTag(key))
  for (const key of filter.excludeTags ?? []) all.push(sql.fragment`not ${hasTag(key)}`)
  for (const { key, value } of filter.tagged ?? []) all.push(hasTag(key, value))
  if (filter.projectId) all.push(sql.fragment`w.project_id = ${filter.projectId}`)
  if (filter.currentRunStatuses?.length) {
    all.push(sql.fragment`cr.status = any(${sql.array([...filter.currentRunStatuses], 'text')})`)
  }
  return all
}

/**
 * What needs a person, what failed, what works, what waits, the rest; of each the last that changed first. Only runs
 * of the index runs_notable are looked at: among quiet workspaces their runs make no difference.
 */
const urgency = sql.fragment`
  case
    when nr.status in ('planned', 'policy_override', 'policy_soft_failed', 'post_plan_awaiting_decision') then 0
    when nr.status = 'errored' then 1
    when nr.finished_at is null and nr.status not in ('pending', 'planned_and_saved') then 2
    when nr.status = 'pending' then 3
    else 4
  end, coalesce(nr.created_at, w.latest_change_at) desc, lower(w.name)`

const orders: Record<string, FragmentSqlToken> = {
  urgency,
  name: sql.fragment`lower(w.name)`,
  '-name': sql.fragment`lower(w.name) desc`,
  'current-run.created-at': sql.fragment`cr.created_at nulls last`,
  '-current-run.created-at': sql.fragment`cr.created_at desc nulls last`,
  'latest-change-at': sql.fragment`w.latest_change_at`,
  '-latest-change-at': sql.fragment`w.latest_change_at desc`,
  'created-at': sql.fragment`w.created_at`,
  '-created-at': sql.fragment`w.created_at desc`,
}

/** A page of the workspaces that a caller sees, by name unless `sort` says otherwise; hidden ones are not counted. */
export async function selectWorkspacesPage(tx: Tx, filter: WorkspaceFilter, page: { size: number; offset: number }) {
  const where = sql.join(conditions(filter), sql.fragment` and `)
  const order = Object.hasOwn(orders, filter.sort ?? '') ? orders[filter.sort!]! : orders.name!
  // a left join that nothing asks for costs nothing; who names an organization has found it
  const from = sql.fragment`
    workspaces w
    ${filter.organizationId === null ? sql.fragment`join organizations o on o.id = w.organization_id and o.deleted_at is null` : sql.fragment``}
    left join runs cr on cr.id = w.current_run_id
    left join runs nr on nr.id = w.current_run_id and (nr.finished_at is null or nr.status = 'errored')`
  // which ones, first: the columns hold sub-selects that are made for the page and not for all that is sorted; places
  // are given to the page, so that an index in the order of the names is read no further than it
  const rows = await tx.any(sql.type(WorkspaceRow)`
    with picked as (
      select found.id, row_number() over () as place
      from (
        select w.id
        from ${from}
        where ${where}
        order by ${order}, w.id
        limit ${page.size} offset ${page.offset}) found)
    select ${workspaceColumns}
    from ${workspaceTables}
    join picked on picked.id = w.id
    order by picked.place`)
  if (page.offset === 0 && rows.length < page.size) return { rows, totalCount: rows.length }
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from ${from}
    where ${where}`)
  return { rows, totalCount }
}
