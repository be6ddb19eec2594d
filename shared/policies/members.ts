import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'

/** What belongs to a policy set, by the name of its relationship. */
export const members = {
  policies: { of: 'policies', link: 'policy_set_policies', column: 'policy_id', excluded: null },
  workspaces: { of: 'workspaces', link: 'policy_set_workspaces', column: 'workspace_id', excluded: false },
  'workspace-exclusions': { of: 'workspaces', link: 'policy_set_workspaces', column: 'workspace_id', excluded: true },
  projects: { of: 'projects', link: 'policy_set_projects', column: 'project_id', excluded: false },
  'project-exclusions': { of: 'projects', link: 'policy_set_projects', column: 'project_id', excluded: true },
} as const
export type Member = keyof typeof members
export const memberNames = Object.keys(members) as Member[]

/** What is in already stays. @throws problem 'invalid_attribute' when one of them is not there, or of another kind */
export async function addMembers(
  tx: Tx,
  set: { id: string; organization_id: string; kind: string },
  member: Member,
  ids: readonly string[],
): Promise<void> {
  const { of, link, column, excluded } = members[member]
  const wanted = [...new Set(ids)]
  if (wanted.length === 0) return
  const fits = member === 'policies' ? sql.fragment`kind = ${set.kind}` : sql.fragment`true`
  const found = await tx.any(sql.type(z.object({ id: z.string() }))`
    select id
    from ${sql.identifier([of])}
    where organization_id = ${set.organization_id} and id = any(${sql.array(wanted, 'text')}) and ${fits}`)
  const missing = wanted.find((id) => !found.some((row) => row.id === id))
  if (missing) throw invalid(member, `${missing} does not exist in this organization, or is not of the set's kind`)
  const extra = excluded === null ? sql.fragment`` : sql.fragment`, excluded`
  const value = excluded === null ? sql.fragment`` : sql.fragment`, ${excluded}::boolean`
  await tx.query(sql.void`
    insert into ${sql.identifier([link])} (policy_set_id, ${sql.identifier([column])}${extra})
    select ${set.id}, id${value}
    from unnest(${sql.array(wanted, 'text')}) as id
    on conflict do nothing`)
}

export const removeMembers = (tx: Tx, setId: string, member: Member, ids: readonly string[]) => {
  const { link, column, excluded } = members[member]
  const which = excluded === null ? sql.fragment`true` : sql.fragment`excluded = ${excluded}`
  return tx.query(sql.void`
    delete from ${sql.identifier([link])}
    where policy_set_id = ${setId} and ${sql.identifier([column])} = any(${sql.array([...ids], 'text')}) and ${which}`)
}
