import type { Access } from '../../shared/access/access.ts'
import type { Team } from '../../shared/teams/queries.ts'

/**
 * Owners manage the tokens of every team; those who manage teams, of every team but the owners; members, of their
 * own team when it says so.
 */
export async function mayManageTeamTokens(access: Access, team: Team): Promise<boolean> {
  if (await access.isOwner(team.organization_id)) return true
  if (team.is_owners) return false
  if (await access.may('team:manage', { organizationId: team.organization_id })) return true
  if (access.actor.kind !== 'user') return false
  const own = (await access.teamsIn(team.organization_id)) ?? []
  return team.allow_member_token_management && own.some((t) => t.id === team.id)
}
