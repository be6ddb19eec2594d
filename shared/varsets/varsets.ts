import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { nameTaken } from '../names.ts'

export const VarsetInput = z.object({
  name: z.string().optional(),
  description: z.string().max(20_000, 'is too long').nullable().optional(),
  global: z.boolean('must be true or false').optional(),
  priority: z.boolean('must be true or false').nullable().optional(),
})
export type VarsetInput = z.output<typeof VarsetInput>

function checkName(name: string): void {
  if (name.trim() === '') throw invalid('name', "Name can't be blank")
  if (name.length > 90) throw invalid('name', 'Name is too long (maximum is 90 characters)')
  if (/\p{Cc}/u.test(name)) throw invalid('name', 'Name must not hold control characters')
}

/** @throws problem 'invalid_attribute'; names are unique within an organization */
export async function createVarset(
  tx: Tx,
  owner: { organizationId: string; projectId: string | null },
  input: VarsetInput,
): Promise<string> {
  if (input.name === undefined) throw invalid('name', "Name can't be blank")
  checkName(input.name)
  const id = newId('varset')
  try {
    await tx.query(sql.void`
      insert into varsets (id, organization_id, project_id, name, description, is_global, priority)
      values (${id}, ${owner.organizationId}, ${owner.projectId}, ${input.name}, ${input.description ?? ''},
        ${input.global ?? false}, ${input.priority ?? false})`)
  } catch (error) {
    throw nameTaken(error)
  }
  return id
}

export async function updateVarset(tx: Tx, id: string, input: VarsetInput): Promise<void> {
  if (input.name !== undefined) checkName(input.name)
  const description = input.description === null ? '' : (input.description ?? null)
  try {
    await tx.query(sql.void`
      update varsets
      set name = coalesce(${input.name ?? null}, name), description = coalesce(${description}, description),
        is_global = coalesce(${input.global ?? null}, is_global), priority = coalesce(${input.priority ?? null}, priority),
        updated_at = now()
      where id = ${id}`)
  } catch (error) {
    throw nameTaken(error)
  }
}

export type Target = 'workspaces' | 'projects'

const tables = {
  workspaces: { of: 'workspaces', link: 'varset_workspaces', column: 'workspace_id' },
  projects: { of: 'projects', link: 'varset_projects', column: 'project_id' },
} as const

/**
 * Applies the set to workspaces or projects of its organization; what it applies to already stays.
 * @throws problem 'invalid_attribute' when one of them is not there
 */
export async function applyVarset(
  tx: Tx,
  varset: { id: string; organization_id: string; project_id: string | null },
  target: Target,
  ids: readonly string[],
): Promise<void> {
  const { of, link, column } = tables[target]
  const wanted = [...new Set(ids)]
  const isInside =
    varset.project_id === null
      ? sql.fragment`true`
      : sql.fragment`${sql.identifier([target === 'projects' ? 'id' : 'project_id'])} = ${varset.project_id}`
  const found = await tx.any(sql.type(z.object({ id: z.string() }))`
    select id
    from ${sql.identifier([of])}
    where organization_id = ${varset.organization_id} and id = any(${sql.array(wanted, 'text')}) and ${isInside}`)
  const missing = wanted.find((id) => !found.some((row) => row.id === id))
  if (missing) throw invalid(target, `${missing} does not exist where this variable set can be applied`)
  await tx.query(sql.void`
    insert into ${sql.identifier([link])} (varset_id, ${sql.identifier([column])})
    select ${varset.id}, id
    from unnest(${sql.array(wanted, 'text')}) as id
    on conflict do nothing`)
}

export async function removeVarset(tx: Tx, varsetId: string, target: Target, ids: readonly string[]): Promise<void> {
  const { link, column } = tables[target]
  await tx.query(sql.void`
    delete from ${sql.identifier([link])}
    where varset_id = ${varsetId} and ${sql.identifier([column])} = any(${sql.array([...ids], 'text')})`)
}

/** Makes these the only workspaces or projects of the set. */
export async function replaceVarset(
  tx: Tx,
  varset: { id: string; organization_id: string; project_id: string | null },
  target: Target,
  ids: readonly string[],
): Promise<void> {
  const { link, column } = tables[target]
  await tx.query(sql.void`
    delete from ${sql.identifier([link])}
    where varset_id = ${varset.id} and not ${sql.identifier([column])} = any(${sql.array([...ids], 'text')})`)
  await applyVarset(tx, varset, target, ids)
}
