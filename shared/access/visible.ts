import type { FragmentSqlToken } from 'slonik'
import { sql } from '../../db/sql.ts'
import type { Access } from './access.ts'

/**
 * A condition on workspaces `w` that holds for exactly those the caller sees in one organization.
 * Lists, counts and searches use it, so that a hidden workspace is never counted.
 */
export async function visibleWorkspaces(access: Access, organizationId: string): Promise<FragmentSqlToken> {
  const { actor } = access
  if (actor.kind === 'phase') {
    return sql.fragment`(w.id = ${actor.workspaceId} or w.global_remote_state
      or (w.project_remote_state and w.project_id = (select c.project_id from workspaces c where c.id = ${actor.workspaceId}))
      or not w.project_remote_state and exists (
      select 1 from remote_state_consumers c where c.workspace_id = w.id and c.consumer_id = ${actor.workspaceId}))`
  }
  if ((await access.isOwner(organizationId)) || (await access.hasFlag(organizationId, 'read-workspaces')))
    return sql.fragment`true`
  const teams = (await access.teamsIn(organizationId)) ?? []
  const ids = sql.array(
    teams.map((t) => t.id),
    'text',
  )
  return sql.fragment`(
    exists (select 1 from team_workspaces tw where tw.workspace_id = w.id and tw.team_id = any(${ids}))
    or exists (select 1 from team_projects tp where tp.project_id = w.project_id and tp.team_id = any(${ids})))`
}

/** The same for projects `p`: those with a role of their own, and those of a visible workspace. */
export async function visibleProjects(access: Access, organizationId: string): Promise<FragmentSqlToken> {
  const all =
    (await access.isOwner(organizationId)) ||
    (await access.hasFlag(organizationId, 'read-projects')) ||
    (await access.hasFlag(organizationId, 'read-workspaces'))
  if (all) return sql.fragment`true`
  const teams = (await access.teamsIn(organizationId)) ?? []
  const ids = sql.array(
    teams.map((t) => t.id),
    'text',
  )
  return sql.fragment`(
    exists (select 1 from team_projects tp where tp.project_id = p.id and tp.team_id = any(${ids}))
    or exists (
      select 1 from workspaces w
      join team_workspaces tw on tw.workspace_id = w.id
      where w.project_id = p.id and tw.team_id = any(${ids})))`
}

/** The same for organizations `o`: those that the caller is an active member or a token of, and that take their token. */
export function visibleOrganizations({ actor, isSiteAdmin }: Access): FragmentSqlToken {
  if (actor.kind === 'user') {
    const refused = sql.array([...(actor.refusedBy ?? [])], 'text')
    const isTaken = sql.fragment`not o.id = any(${refused})`
    if (isSiteAdmin) return isTaken
    return sql.fragment`(${isTaken} and not o.is_disabled and exists (
      select 1
      from organization_memberships m
      where m.organization_id = o.id and m.user_id = ${actor.userId} and m.status = 'active'))`
  }
  return 'organizationId' in actor ? sql.fragment`o.id = ${actor.organizationId}` : sql.fragment`false`
}
