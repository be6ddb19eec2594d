import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

export const VariableRow = z.object({
  id: z.string(),
  workspace_id: z.string().nullable(),
  varset_id: z.string().nullable(),
  key: z.string(),
  /** sealed with the context `variables:<id>` */
  value: z.instanceof(Buffer),
  description: z.string(),
  category: z.enum(['terraform', 'env']),
  hcl: z.boolean(),
  sensitive: z.boolean(),
  version_id: z.string(),
  created_at: z.date(),
})
export type Variable = z.output<typeof VariableRow>

/** Where a variable is kept; those of a module are for its tests. */
export type VariableOwner = { workspaceId: string } | { varsetId: string } | { moduleId: string }

function owned(owner: VariableOwner): FragmentSqlToken {
  if ('workspaceId' in owner) return sql.fragment`v.workspace_id = ${owner.workspaceId}`
  if ('varsetId' in owner) return sql.fragment`v.varset_id = ${owner.varsetId}`
  return sql.fragment`v.module_id = ${owner.moduleId}`
}

export const variableColumns = sql.fragment`
  v.id, v.workspace_id, v.varset_id, v.key, v.value, v.description, v.category, v.hcl, v.sensitive, v.version_id,
  v.created_at`

export const selectOptionalVariable = (tx: Tx, owner: VariableOwner, id: string) =>
  tx.maybeOne(sql.type(VariableRow)`
    select ${variableColumns}
    from variables v
    where v.id = ${id} and ${owned(owner)}`)

/** The same, its row locked until the transaction ends. */
export const lockOptionalVariable = (tx: Tx, owner: VariableOwner, id: string) =>
  tx.maybeOne(sql.type(VariableRow)`
    select ${variableColumns}
    from variables v
    where v.id = ${id} and ${owned(owner)}
    for update of v`)

/** A page, or all when no page is asked for: older clients know no pages here. By category and key. */
export async function selectVariables(tx: Tx, owner: VariableOwner, page: { size: number; offset: number } | null) {
  const rows = await tx.any(sql.type(VariableRow)`
    select ${variableColumns}
    from variables v
    where ${owned(owner)}
    order by v.created_at, v.id
    limit ${page?.size ?? 10_000} offset ${page?.offset ?? 0}`)
  if (!page) return { rows, totalCount: rows.length }
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from variables v
    where ${owned(owner)}`)
  return { rows, totalCount }
}

/** Variables of several sets, for includes. */
export const selectVariablesOfSets = (tx: Tx, varsetIds: readonly string[]) =>
  tx.any(sql.type(VariableRow)`
    select ${variableColumns}
    from variables v
    where v.varset_id = any(${sql.array([...varsetIds], 'text')})
    order by v.created_at, v.id`)

export const insertVariable = (
  tx: Tx,
  owner: VariableOwner,
  row: Omit<Variable, 'workspace_id' | 'varset_id' | 'created_at'>,
  by: string | null,
) =>
  tx.query(sql.void`
    insert into variables (id, workspace_id, varset_id, module_id, key, value, description, category, hcl, sensitive, version_id, value_set_by, created_at)
    values (${row.id}, ${'workspaceId' in owner ? owner.workspaceId : null},
      ${'varsetId' in owner ? owner.varsetId : null}, ${'moduleId' in owner ? owner.moduleId : null}, ${row.key}, ${sql.binary(row.value)}, ${row.description},
      ${row.category}, ${row.hcl}, ${row.sensitive}, ${row.version_id}, ${by}, clock_timestamp())`)

/** `setBy`: the value was given too, by this user (null: by a token of no person). undefined: it is the old one. */
export const updateVariableRow = (tx: Tx, row: Variable, setBy: string | null | undefined) =>
  tx.query(sql.void`
    update variables
    set key = ${row.key}, value = ${sql.binary(row.value)}, description = ${row.description},
      category = ${row.category}, hcl = ${row.hcl}, sensitive = ${row.sensitive}, version_id = ${row.version_id},
      value_set_at = case when ${setBy !== undefined} then now() else value_set_at end,
      value_set_by = case when ${setBy !== undefined} then ${setBy ?? null} else value_set_by end,
      updated_at = now()
    where id = ${row.id}`)

const AuthoredRow = VariableRow.extend({ value_set_at: z.date(), value_set_by_name: z.string().nullable() })
export type AuthoredVariable = z.output<typeof AuthoredRow>

export const authorColumns = sql.fragment`
  v.value_set_at, (select u.username from users u where u.id = v.value_set_by) as value_set_by_name`

export const selectOptionalAuthoredVariable = (tx: Tx, owner: VariableOwner, id: string) =>
  tx.maybeOne(sql.type(AuthoredRow)`
    select ${variableColumns}, ${authorColumns}
    from variables v
    where v.id = ${id} and ${owned(owner)}`)

/** All of them with who set each value, by key. */
export const selectAuthoredVariables = (tx: Tx, owner: VariableOwner) =>
  tx.any(sql.type(AuthoredRow)`
    select ${variableColumns}, ${authorColumns}
    from variables v
    where ${owned(owner)}
    order by lower(v.key), v.id
    limit 10000`)

export const deleteVariable = (tx: Tx, owner: VariableOwner, id: string) =>
  tx.query(sql.void`
    delete from variables v
    where v.id = ${id} and ${owned(owner)}`)
