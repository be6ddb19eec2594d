import type { Access } from '../../shared/access/access.ts'
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { selectOptionalTeam, type Team } from '../../shared/teams/queries.ts'
import type { Context, Subject } from '../route.ts'

export interface TeamSubject extends Subject {
  team: Team
}

/** A secret team is there for its members, and for those who manage teams. */
export async function teamById(ctx: Context): Promise<TeamSubject> {
  const id = ctx.params.team_id!
  const team = looksLikeId(id, 'team') ? await selectOptionalTeam(ctx.app.db, id) : null
  if (!team || !(await maySeeTeam(ctx.access, team))) throw problem('not_found')
  return { team, scope: { organizationId: team.organization_id } }
}

export async function seesSecretTeams(access: Access, organizationId: string): Promise<boolean> {
  return (
    (await access.may('team:manage', { organizationId })) ||
    (await access.may('membership:manage', { organizationId })) ||
    access.hasFlag(organizationId, 'access-secret-teams')
  )
}

export const ownTeamIds = async (access: Access, organizationId: string): Promise<string[]> =>
  ((await access.teamsIn(organizationId)) ?? []).map((t) => t.id)

export async function maySeeTeam(access: Access, team: Team): Promise<boolean> {
  if (!(await access.isMember(team.organization_id))) return false
  if (team.visibility === 'organization' || (await seesSecretTeams(access, team.organization_id))) return true
  return (await ownTeamIds(access, team.organization_id)).includes(team.id)
}

/** The owners team is the owners' affair, whatever else somebody manages. */
export async function requireOwnerFor(access: Access, team: Team): Promise<void> {
  if (team.is_owners && !(await access.isOwner(team.organization_id)))
    throw problem('forbidden', 'Only owners change the owners team.')
}
