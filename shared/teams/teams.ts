import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { checkSpacedName, nameTaken } from '../names.ts'
import { selectTeam, type Team } from './queries.ts'

export interface TeamChange {
  name?: string | undefined
  visibility?: 'secret' | 'organization' | undefined
  ssoTeamId?: string | null | undefined
  allowMemberTokenManagement?: boolean | undefined
  /** Flags to set; those that are not named stay as they are. */
  organizationAccess?: Record<string, boolean> | undefined
}

const taken = (error: unknown): never => {
  throw nameTaken(error)
}

export async function createTeam(tx: Tx, organizationId: string, team: TeamChange & { name: string }): Promise<Team> {
  checkSpacedName(team.name, { min: 1, max: 100 })
  const id = newId('team')
  await tx
    .query(sql.void`
      insert into teams (id, organization_id, name, visibility, sso_team_id, allow_member_token_management, organization_access)
      values (${id}, ${organizationId}, ${team.name}, ${team.visibility ?? 'secret'}, ${team.ssoTeamId ?? null},
        ${team.allowMemberTokenManagement ?? true}, ${sql.jsonb(team.organizationAccess ?? {})})`)
    .catch(taken)
  return selectTeam(tx, id)
}

/** @throws problem 'invalid_attribute' for what the owners team cannot have: another name, fewer rights */
export async function updateTeam(tx: Tx, team: Team, change: TeamChange): Promise<Team> {
  if (change.name !== undefined) checkSpacedName(change.name, { min: 1, max: 100 })
  if (team.is_owners && change.name !== undefined && change.name !== team.name)
    throw invalid('name', 'The owners team cannot be renamed')
  await tx
    .query(sql.void`
      update teams
      set name = ${change.name ?? team.name},
        visibility = ${change.visibility ?? team.visibility},
        sso_team_id = ${change.ssoTeamId === undefined ? team.sso_team_id : change.ssoTeamId},
        allow_member_token_management = ${change.allowMemberTokenManagement ?? team.allow_member_token_management},
        organization_access = organization_access || ${sql.jsonb(change.organizationAccess ?? {})},
        updated_at = now()
      where id = ${team.id}`)
    .catch(taken)
  return selectTeam(tx, team.id)
}

export async function deleteTeam(tx: Tx, team: Team): Promise<void> {
  if (team.is_owners) throw problem('forbidden', 'The owners team cannot be deleted: an organization needs its owners.')
  await tx.query(sql.void`
    delete from teams
    where id = ${team.id}`)
}
