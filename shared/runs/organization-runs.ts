import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { statuses } from './lifecycle.ts'
import { RecentRow, recentColumns, recentJoined } from './recent.ts'

/** A run among those of a whole organization. */
const OrganizationRunRow = RecentRow.extend({
  project_id: z.string(),
  workspace_name: z.string(),
  status: z.enum(statuses),
})
export type OrganizationRun = z.output<typeof OrganizationRunRow>

export interface OrganizationRunFilter {
  organizationId: string
  /** A condition on workspaces `w`. */
  visible: FragmentSqlToken
  statuses: readonly string[] | null
  source: string | null
  /** Names, as they are in the address. */
  workspace: string | null
  user: string | null
}

/**
 * Runs of all workspaces that the caller sees, newest first: those older than the run `olderThan`, one more than
 * `size` when there are more. A place in the list is a run, not a number: it stays when new runs come.
 */
export const selectOrganizationRuns = (
  tx: Tx,
  filter: OrganizationRunFilter,
  page: { size: number; olderThan: string | null },
) =>
  tx.any(sql.type(OrganizationRunRow)`
    select ${recentColumns}, w.project_id, w.name as workspace_name
    from (
      select r.*
      from runs r
      join workspaces w on w.id = r.workspace_id
      where ${sql.join(conditions(filter, page.olderThan), sql.fragment` and `)}
      order by r.created_at desc, r.id
      limit ${page.size + 1}) r
    join workspaces w on w.id = r.workspace_id
    ${recentJoined}
    order by r.created_at desc, r.id`)

function conditions(filter: OrganizationRunFilter, olderThan: string | null): FragmentSqlToken[] {
  const parts = [sql.fragment`r.organization_id = ${filter.organizationId}`, filter.visible]
  if (filter.statuses) parts.push(sql.fragment`r.status = any(${sql.array([...filter.statuses], 'text')})`)
  if (filter.source) parts.push(sql.fragment`r.source = ${filter.source}`)
  if (filter.workspace)
    parts.push(sql.fragment`r.workspace_id = (
      select x.id
      from workspaces x
      where x.organization_id = ${filter.organizationId} and lower(x.name) = lower(${filter.workspace}))`)
  if (filter.user)
    parts.push(sql.fragment`(
      r.created_by = (select id from users where lower(username) = lower(${filter.user}))
      or r.created_by_team_id = (
        select id
        from teams
        where organization_id = ${filter.organizationId} and lower(name) = lower(${filter.user})))`)
  if (olderThan)
    parts.push(sql.fragment`(r.created_at <= (select created_at from runs where id = ${olderThan}) and (
      r.created_at < (select created_at from runs where id = ${olderThan}) or r.id > ${olderThan}))`)
  return parts
}
