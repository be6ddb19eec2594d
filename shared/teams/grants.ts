import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'

/** What a team may do on one workspace, or on one project. */
const GrantRow = z.object({
  id: z.string(),
  team_id: z.string(),
  team_name: z.string(),
  team_is_owners: z.boolean(),
  access: z.string(),
  custom: z.record(z.string(), z.unknown()),
  organization_id: z.string(),
  project_id: z.string(),
  /** null for a grant on a project */
  workspace_id: z.string().nullable(),
})
export type Grant = z.output<typeof GrantRow>
export type GrantOn = 'workspace' | 'project'

const select = {
  workspace: sql.fragment`
    select g.id, g.team_id, t.name as team_name, t.is_owners as team_is_owners, g.access, g.custom, w.organization_id,
      w.project_id, g.workspace_id
    from team_workspaces g
    join teams t on t.id = g.team_id
    join workspaces w on w.id = g.workspace_id
    join organizations o on o.id = w.organization_id and o.deleted_at is null`,
  project: sql.fragment`
    select g.id, g.team_id, t.name as team_name, t.is_owners as team_is_owners, g.access, g.custom, p.organization_id,
      g.project_id, null as workspace_id
    from team_projects g
    join teams t on t.id = g.team_id
    join projects p on p.id = g.project_id
    join organizations o on o.id = p.organization_id and o.deleted_at is null`,
}
const table = { workspace: sql.identifier(['team_workspaces']), project: sql.identifier(['team_projects']) }
const column = { workspace: sql.identifier(['workspace_id']), project: sql.identifier(['project_id']) }
const prefix = { workspace: 'tws', project: 'tprj' } as const

export const selectOptionalGrant = (tx: Tx, on: GrantOn, id: string) =>
  tx.maybeOne(sql.type(GrantRow)`
    ${select[on]}
    where g.id = ${id}`)

/** By team name. */
export async function selectGrantsOf(tx: Tx, on: GrantOn, ofId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(GrantRow)`
    ${select[on]}
    where g.${column[on]} = ${ofId}
    order by lower(t.name), g.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from ${table[on]} g
    where g.${column[on]} = ${ofId}`)
  return { rows, totalCount }
}

/** @throws problem 'invalid_attribute' when the team has access already */
export async function insertGrant(
  tx: Tx,
  on: GrantOn,
  grant: { teamId: string; ofId: string; access: string; custom: Record<string, unknown> },
): Promise<Grant> {
  const id = newId(prefix[on])
  try {
    await tx.query(sql.void`
      insert into ${table[on]} (id, team_id, ${column[on]}, access, custom)
      values (${id}, ${grant.teamId}, ${grant.ofId}, ${grant.access}, ${sql.jsonb(grant.custom as never)})`)
  } catch (error) {
    if (error instanceof UniqueIntegrityConstraintViolationError)
      throw invalid('team', `Team has already been added to this ${on}`)
    throw error
  }
  return (await selectOptionalGrant(tx, on, id))!
}

export async function updateGrant(
  tx: Tx,
  on: GrantOn,
  id: string,
  change: { access: string; custom: Record<string, unknown> },
): Promise<Grant> {
  await tx.query(sql.void`
    update ${table[on]}
    set access = ${change.access}, custom = ${sql.jsonb(change.custom as never)}
    where id = ${id}`)
  return (await selectOptionalGrant(tx, on, id))!
}

export const deleteGrant = (tx: Tx, on: GrantOn, id: string) =>
  tx.query(sql.void`
    delete from ${table[on]}
    where id = ${id}`)
