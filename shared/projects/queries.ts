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
  workspace_count: z.number(),
  /** as they were given */
  tag_bindings: z.array(TagBindingRow),
})
export type Project = z.output<typeof ProjectRow>

export const projectColumns = sql.fragment`
  p.id, p.organization_id, o.name as organization_name, p.name, p.description, p.is_default, p.settings, p.created_at,
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
