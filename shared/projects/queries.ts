import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { TagBindingRow, tagBindingsOf } from '../tags/queries.ts'

export const ProjectRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  name: z.string(),
  description: z.string(),
  is_default: z.boolean(),
  settings: z.record(z.string(), z.unknown()),
  created_at: z.date(),
  /** the organization's defaults, where the project has none of its own */
  organization_execution_mode: z.string(),
  organization_agent_pool_id: z.string().nullable(),
  workspace_count: z.number(),
  /** as they were given */
  tag_bindings: z.array(TagBindingRow),
})
export type Project = z.output<typeof ProjectRow>

export const projectColumns = sql.fragment`
  p.id, p.organization_id, o.name as organization_name, p.name, p.description, p.is_default, p.settings, p.created_at,
  coalesce(o.settings ->> 'default-execution-mode', 'remote') as organization_execution_mode,
  o.settings ->> 'default-agent-pool-id' as organization_agent_pool_id,
  (select count(*)::int from workspaces w where w.project_id = p.id) as workspace_count,
  ${tagBindingsOf(sql.fragment`b.project_id = p.id`)} as tag_bindings`

/** Projects by id, in no order; for includes. */
export const selectProjects = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(ProjectRow)`
    select ${projectColumns}
    from projects p
    join organizations o on o.id = p.organization_id
    where p.id = any(${sql.array([...ids], 'text')})`)

export const selectOptionalProject = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ProjectRow)`
    select ${projectColumns}
    from projects p
    join organizations o on o.id = p.organization_id
    where p.id = ${id} and o.deleted_at is null`)

export const selectProject = (tx: Tx, id: string) =>
  tx.one(sql.type(ProjectRow)`
    select ${projectColumns}
    from projects p
    join organizations o on o.id = p.organization_id
    where p.id = ${id}`)

export interface ProjectFilter {
  organizationId: string
  /** condition of visibleProjects */
  visible: FragmentSqlToken
  /** any of these names, whole */
  names: readonly string[]
  q: string | undefined
  tagged: readonly { key: string; value: string | undefined }[]
  sort: string | undefined
}

/** A page of the projects that a caller sees, by name. */
export async function selectProjectsPage(tx: Tx, filter: ProjectFilter, page: { size: number; offset: number }) {
  const conditions = [
    sql.fragment`p.organization_id = ${filter.organizationId}`,
    filter.visible,
    ...(filter.names.length > 0 ? [sql.fragment`p.name = any(${sql.array([...filter.names], 'text')})`] : []),
    ...(filter.q ? [sql.fragment`strpos(lower(p.name), lower(${filter.q})) > 0`] : []),
    ...filter.tagged.map(
      ({ key, value }) => sql.fragment`exists (
        select 1 from tag_bindings b
        where b.project_id = p.id and b.key = ${key} and (${value ?? null}::text is null or b.value = ${value ?? null}))`,
    ),
  ]
  const where = sql.join(conditions, sql.fragment` and `)
  const order = filter.sort === '-name' ? sql.fragment`lower(p.name) desc` : sql.fragment`lower(p.name)`
  const rows = await tx.any(sql.type(ProjectRow)`
    select ${projectColumns}
    from projects p
    join organizations o on o.id = p.organization_id
    where ${where}
    order by ${order}, p.id
    limit ${page.size} offset ${page.offset}`)
  if (page.offset === 0 && rows.length < page.size) return { rows, totalCount: rows.length }
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from projects p
    where ${where}`)
  return { rows, totalCount }
}
