import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import {
  type Action,
  actions,
  atLeastProject,
  type Need,
  noGrants,
  type OrganizationFlag,
  satisfies,
  type WorkspaceGrants,
  workspaceRoles,
} from '../permissions.ts'
import type { Actor } from './actor.ts'
import { AccessRow, type ProjectLevel, projectLevelOf, teamGrants, type WorkspaceScope } from './grants.ts'
import { recallOf } from './recall.ts'
import { sharesRegistry } from './sharing.ts'

/** Where an action happens. A workspace lies in a project, a project in an organization. */
export interface Scope {
  organizationId?: string
  projectId?: string
  workspaceId?: string
}

interface TeamInOrganization {
  id: string
  isOwners: boolean
  flags: ReadonlySet<string>
}

const TeamRow = z.object({
  id: z.string(),
  is_owners: z.boolean(),
  organization_access: z.record(z.string(), z.unknown()),
})
const OneRow = z.object({ one: z.number() })

/**
 * What one caller may do, for the length of one request: team memberships and grants are read once each.
 * A new one is made per request, so that a revoked right is gone with the next request.
 */
export class Access {
  readonly actor: Actor
  private readonly db: Tx
  private readonly teams = new Map<string, Promise<TeamInOrganization[] | null>>()
  private readonly grants = new Map<string, Promise<WorkspaceGrants | null>>()

  constructor(db: Tx, actor: Actor) {
    this.db = db
    this.actor = actor
  }

  get isSiteAdmin(): boolean {
    return this.actor.kind === 'user' && this.actor.isSiteAdmin
  }

  /** The caller's teams in an organization; null = not a member at all. */
  teamsIn(organizationId: string): Promise<TeamInOrganization[] | null> {
    let known = this.teams.get(organizationId)
    if (!known) {
      const { actor } = this
      const load = () => this.loadTeams(organizationId)
      known =
        actor.kind === 'user'
          ? recallOf(this.db).get(`teams ${actor.userId} ${organizationId}`, load)
          : actor.kind === 'team'
            ? recallOf(this.db).get(`team ${actor.teamId} ${organizationId}`, load)
            : load()
      this.teams.set(organizationId, known)
    }
    return known
  }

  private async loadTeams(organizationId: string): Promise<TeamInOrganization[] | null> {
    const { actor } = this
    const toTeams = (rows: readonly z.output<typeof TeamRow>[]) =>
      rows.map((r) => ({
        id: r.id,
        isOwners: r.is_owners,
        flags: new Set(
          Object.entries(r.organization_access)
            .filter(([, v]) => v === true)
            .map(([k]) => k),
        ),
      }))
    if (actor.kind === 'team') {
      if (actor.organizationId !== organizationId) return null
      return toTeams(
        await this.db.any(sql.type(TeamRow)`
          select id, is_owners, organization_access
          from teams
          where id = ${actor.teamId}`),
      )
    }
    if (actor.kind !== 'user') return null
    const rows = await this.db.any(sql.type(
      TeamRow.extend({
        id: z.string().nullable(),
        is_owners: z.boolean().nullable(),
        organization_access: z.record(z.string(), z.unknown()).nullable(),
      }),
    )`
      select t.id, t.is_owners, t.organization_access
      from organization_memberships m
      left join team_members tm on tm.user_id = m.user_id
        and tm.team_id in (select id from teams where organization_id = ${organizationId})
      left join teams t on t.id = tm.team_id
      where m.organization_id = ${organizationId} and m.user_id = ${actor.userId} and m.status = 'active'
        and not exists (select 1 from organizations o where o.id = ${organizationId} and o.is_disabled)`)
    if (rows.length === 0) return null
    return toTeams(rows.filter((r) => r.id !== null) as z.output<typeof TeamRow>[])
  }

  async isMember(organizationId: string): Promise<boolean> {
    const { actor } = this
    if (this.isSiteAdmin) return true
    if (actor.kind === 'organization') return actor.organizationId === organizationId
    if (actor.kind === 'phase' || actor.kind === 'agent') return actor.organizationId === organizationId
    return (await this.teamsIn(organizationId)) !== null
  }

  async isOwner(organizationId: string): Promise<boolean> {
    if (this.isSiteAdmin) return true
    // an organization token manages everything in its organization but runs and state
    if (this.actor.kind === 'organization') return this.actor.organizationId === organizationId
    return ((await this.teamsIn(organizationId)) ?? []).some((t) => t.isOwners)
  }

  async hasFlag(organizationId: string, flag: OrganizationFlag): Promise<boolean> {
    if (await this.isOwner(organizationId)) return true
    const implied: Partial<Record<OrganizationFlag, OrganizationFlag[]>> = {
      'read-workspaces': ['manage-workspaces'],
      'read-projects': ['manage-projects'],
      'manage-membership': ['manage-teams', 'manage-organization-access'],
      'manage-teams': ['manage-organization-access'],
    }
    const enough = [flag, ...(implied[flag] ?? [])]
    return ((await this.teamsIn(organizationId)) ?? []).some((t) => enough.some((f) => t.flags.has(f)))
  }

  /** The role on a project, the strongest of all teams; 'none' when the project is not visible. */
  async projectLevel(organizationId: string, projectId: string): Promise<ProjectLevel> {
    if (await this.hasFlag(organizationId, 'manage-projects')) return 'admin'
    if (await this.hasFlag(organizationId, 'manage-workspaces')) return 'maintain'
    const teams = (await this.teamsIn(organizationId)) ?? []
    let level: ProjectLevel = (await this.hasFlag(organizationId, 'read-projects')) ? 'read' : 'none'
    if (teams.length === 0) return level
    const rows = await this.db.any(sql.type(AccessRow)`
      select access, custom
      from team_projects
      where project_id = ${projectId} and team_id = any(${sql.array(
        teams.map((t) => t.id),
        'text',
      )})`)
    for (const row of rows) {
      const held = projectLevelOf(row)
      if (atLeastProject(held, level)) level = held
    }
    return level
  }

  /** What the caller holds on a workspace; null when it is not visible to them. */
  workspaceGrants(scope: WorkspaceScope): Promise<WorkspaceGrants | null> {
    let known = this.grants.get(scope.workspaceId)
    if (!known) {
      known =
        this.actor.kind === 'phase'
          ? this.phaseGrants(this.actor, scope)
          : this.heldOn([scope]).then((held) => held.get(scope.workspaceId) ?? null)
      this.grants.set(scope.workspaceId, known)
    }
    return known
  }

  /** Reads the grants on all workspaces of a list at once, so that printing it takes no statement for each. */
  async preloadWorkspaces(scopes: readonly WorkspaceScope[]): Promise<void> {
    if (this.actor.kind === 'phase') return
    const unknown = scopes.filter(({ workspaceId }) => !this.grants.has(workspaceId))
    for (const ofOne of Map.groupBy(unknown, (scope) => scope.organizationId).values()) {
      const held = await this.heldOn(ofOne)
      for (const [id, grants] of held) this.grants.set(id, Promise.resolve(grants))
    }
  }

  /** By workspace; all of them lie in one organization. */
  private async heldOn(scopes: readonly WorkspaceScope[]): Promise<Map<string, WorkspaceGrants | null>> {
    const { organizationId } = scopes[0]!
    if ((await this.isOwner(organizationId)) || (await this.hasFlag(organizationId, 'manage-workspaces')))
      return new Map(scopes.map((scope) => [scope.workspaceId, workspaceRoles.admin]))
    const least = (await this.hasFlag(organizationId, 'read-workspaces')) ? workspaceRoles.read : null
    const teams = (await this.teamsIn(organizationId)) ?? []
    return teamGrants(
      this.db,
      teams.map((team) => team.id),
      scopes,
      least,
    )
  }

  /** A running engine reads its own workspace's state, and others' that share theirs with it. Nothing else. */
  private async phaseGrants(
    actor: Extract<Actor, { kind: 'phase' }>,
    scope: { organizationId: string; workspaceId: string },
  ): Promise<WorkspaceGrants | null> {
    if (actor.organizationId !== scope.organizationId) return null
    const readsState: WorkspaceGrants = { ...noGrants, states: 'read' }
    if (actor.workspaceId === scope.workspaceId) return readsState
    const shared = await this.db.maybeOne(sql.type(OneRow)`
      select 1 as one
      from workspaces w
      where w.id = ${scope.workspaceId}
        and (w.global_remote_state
          or (w.project_remote_state
            and w.project_id = (select c.project_id from workspaces c where c.id = ${actor.workspaceId}))
          or not w.project_remote_state and exists (
            select 1
            from remote_state_consumers c
            where c.workspace_id = w.id and c.consumer_id = ${actor.workspaceId}))`)
    return shared ? readsState : null
  }

  /** Whether the caller may do the action there. The one function that decides. */
  async may(action: Action, scope: Scope): Promise<boolean> {
    const need: Need = actions[action]
    const { actor } = this
    switch (need.on) {
      case 'anyone':
        return true
      case 'account':
        return actor.kind === 'user' || actor.kind === 'team' || actor.kind === 'organization'
      case 'site':
        return this.isSiteAdmin
      case 'agent':
        return actor.kind === 'agent'
      case 'organization': {
        if (!scope.organizationId || actor.kind === 'anonymous') return false
        if (actor.kind === 'audit-trail')
          return action === 'audit:read' && actor.organizationId === scope.organizationId
        if (actor.kind === 'phase' || actor.kind === 'agent') {
          // an engine looks its organization and workspaces up (terraform_remote_state) and installs modules and
          // providers, and no more
          if (actor.kind === 'phase' && action.startsWith('registry:read'))
            return (
              actor.organizationId === scope.organizationId ||
              sharesRegistry(this.db, actor, action, scope.organizationId)
            )
          return (
            actor.kind === 'phase' &&
            actor.organizationId === scope.organizationId &&
            (action === 'organization:read' || action === 'workspace:list')
          )
        }
        if (need.needs === 'member') {
          return (
            (await this.isMember(scope.organizationId)) || sharesRegistry(this.db, actor, action, scope.organizationId)
          )
        }
        if (need.needs === 'owner') return this.isOwner(scope.organizationId)
        return this.hasFlag(scope.organizationId, need.needs)
      }
      case 'project':
        if (!scope.organizationId || !scope.projectId) return false
        return atLeastProject(await this.projectLevel(scope.organizationId, scope.projectId), need.needs)
      case 'workspace': {
        const { organizationId, projectId, workspaceId } = scope
        if (!organizationId || !projectId || !workspaceId) return false
        return (await this.onWorkspace({ organizationId, projectId, workspaceId }))(action)
      }
    }
  }

  /** Decides actions on one workspace; for objects that print many of them. */
  async onWorkspace(scope: WorkspaceScope): Promise<(action: Action) => boolean> {
    const grants = await this.workspaceGrants(scope)
    const byOrganization = this.actor.kind === 'organization'
    return (action) => {
      const need: Need = actions[action]
      if (grants === null || need.on !== 'workspace') return false
      return !(need.notByOrganizationToken && byOrganization) && satisfies(grants, need.needs)
    }
  }

  /** Whether the caller may know that the thing exists: decides between 403 and 404. */
  async maySee(scope: Scope): Promise<boolean> {
    if (scope.workspaceId) return this.may('workspace:read', scope)
    if (scope.projectId) return this.may('project:read', scope)
    if (scope.organizationId) return this.may('organization:read', scope)
    return this.actor.kind !== 'anonymous'
  }
}
