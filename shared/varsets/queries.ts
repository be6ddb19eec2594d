import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

export const VarsetRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  /** the project that owns it; null when the organization does */
  project_id: z.string().nullable(),
  name: z.string(),
  description: z.string(),
  is_global: z.boolean(),
  priority: z.boolean(),
  created_at: z.date(),
  updated_at: z.date(),
  variable_ids: z.array(z.string()),
  /** those that the caller sees */
  workspace_ids: z.array(z.string()),
  project_ids: z.array(z.string()),
})
export type Varset = z.output<typeof VarsetRow>

/** Conditions of visibleWorkspaces and visibleProjects: a set does not tell of what its reader may not see. */
export interface Visible {
  workspaces: FragmentSqlToken
  projects: FragmentSqlToken
}

const columns = (visible: Visible) => sql.fragment`
  s.id, s.organization_id, o.name as organization_name, s.project_id, s.name, s.description, s.is_global, s.priority,
  s.created_at, s.updated_at,
  array(select v.id from variables v where v.varset_id = s.id order by v.created_at, v.id) as variable_ids,
  array(
    select w.id from varset_workspaces x join workspaces w on w.id = x.workspace_id
    where x.varset_id = s.id and ${visible.workspaces} order by lower(w.name)) as workspace_ids,
  array(
    select p.id from varset_projects x join projects p on p.id = x.project_id
    where x.varset_id = s.id and ${visible.projects} order by lower(p.name)) as project_ids`

const tables = sql.fragment`
  varsets s
  join organizations o on o.id = s.organization_id and o.deleted_at is null`

const OwnerRow = z.object({ id: z.string(), organization_id: z.string(), project_id: z.string().nullable() })
export type VarsetOwner = z.output<typeof OwnerRow>

export const selectOptionalVarsetOwner = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(OwnerRow)`
    select s.id, s.organization_id, s.project_id
    from ${tables}
    where s.id = ${id}`)

export const selectVarset = (tx: Tx, id: string, visible: Visible) =>
  tx.one(sql.type(VarsetRow)`
    select ${columns(visible)}
    from ${tables}
    where s.id = ${id}`)

/** Which sets a list holds: all of an organization, or those that apply to a workspace or a project. */
export type VarsetsOf =
  | { organizationId: string }
  | { organizationId: string; projectId: string }
  | { organizationId: string; projectId: string; workspaceId: string }

function listed(of: VarsetsOf): FragmentSqlToken {
  if (!('projectId' in of)) return sql.fragment`true`
  const inWorkspace =
    'workspaceId' in of
      ? sql.fragment`exists (select 1 from varset_workspaces x where x.varset_id = s.id and x.workspace_id = ${of.workspaceId})`
      : sql.fragment`s.project_id = ${of.projectId}`
  return sql.fragment`(
    (s.is_global and (s.project_id is null or s.project_id = ${of.projectId}))
    or exists (select 1 from varset_projects x where x.varset_id = s.id and x.project_id = ${of.projectId})
    or ${inWorkspace})`
}

export async function selectVarsetsPage(
  tx: Tx,
  of: VarsetsOf,
  q: string | undefined,
  visible: Visible,
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    s.organization_id = ${of.organizationId} and ${listed(of)}
    and (${q ?? null}::text is null or strpos(lower(s.name), lower(${q ?? null})) > 0)`
  const rows = await tx.any(sql.type(VarsetRow)`
    select ${columns(visible)}
    from ${tables}
    where ${where}
    order by lower(s.name), s.id
    limit ${page.size} offset ${page.offset}`)
  if (page.offset === 0 && rows.length < page.size) return { rows, totalCount: rows.length }
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from ${tables}
    where ${where}`)
  return { rows, totalCount }
}

export const deleteVarset = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from varsets
    where id = ${id}`)
