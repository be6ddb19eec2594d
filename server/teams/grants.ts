// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/team-access and …/project-team-access
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import { selectOptionalProject } from '../../shared/projects/queries.ts'
import {
  deleteGrant,
  type Grant,
  type GrantOn,
  insertGrant,
  selectGrantsOf,
  selectOptionalGrant,
  updateGrant,
} from '../../shared/teams/grants.ts'
import { selectOptionalTeam, selectTeams } from '../../shared/teams/queries.ts'
import { selectOptionalWorkspaceById } from '../../shared/workspaces/queries.ts'
import { many, one } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, requireMay, type Subject } from '../route.ts'
import { team } from './json.ts'
import {
  named,
  ProjectLevels,
  ProjectWorkspaceLevels,
  projectLevels,
  refuseLevels,
  WorkspaceLevels,
  workspaceLevels,
} from './levels.ts'
import { maySeeTeam } from './subject.ts'

export const grants = new Routes('/api/v2')

const includes = {
  team: async (rows: readonly Grant[], ctx: Context) => ({
    resource: team,
    rows: await selectTeams(
      ctx.app.db,
      rows.map((g) => g.team_id),
    ),
  }),
}

const teamWorkspace = defineResource<Grant>({
  type: 'team-workspaces',
  id: (g) => g.id,
  attributes: (g) => ({ access: g.access, ...workspaceLevels(g.access, g.custom) }),
  relationships: (g) => ({ team: toOne('teams', g.team_id), workspace: toOne('workspaces', g.workspace_id) }),
  links: (g) => ({ self: `/api/v2/team-workspaces/${g.id}` }),
  includes,
})

const teamProject = defineResource<Grant>({
  type: 'team-projects',
  id: (g) => g.id,
  attributes: (g) => {
    const levels = projectLevels(g.access, g.custom)
    return { access: g.access, 'project-access': levels.project, 'workspace-access': levels.workspace }
  },
  relationships: (g) => ({ team: toOne('teams', g.team_id), project: toOne('projects', g.project_id) }),
  links: (g) => ({ self: `/api/v2/team-projects/${g.id}` }),
  includes,
})

const workspaceAccess = z.enum(['read', 'plan', 'write', 'admin', 'custom'], 'is not included in the list')
const projectAccess = z.enum(['read', 'write', 'maintain', 'admin', 'custom'], 'is not included in the list')

/** The two kinds of grants: on a workspace and on a project. They differ in words, not in what happens. */
const kinds = {
  workspace: {
    path: '/team-workspaces',
    resource: teamWorkspace,
    filter: 'filter[workspace][id]',
    read: 'workspace:read',
    manage: 'workspace:access',
    Create: WorkspaceLevels.extend({ access: workspaceAccess }),
    Update: WorkspaceLevels.extend({ access: workspaceAccess.optional() }),
    async scopeOf(ctx: Context, id: string) {
      const found = await selectOptionalWorkspaceById(ctx.app.db, id)
      return found && { organizationId: found.organization_id, projectId: found.project_id, workspaceId: found.id }
    },
    customOf(
      access: string,
      attributes: Record<string, unknown>,
      before: { access: string; custom: Record<string, unknown> },
    ) {
      const { access: _, ...rest } = attributes
      const given = named(rest)
      refuseLevels(access, given, workspaceLevels(access, {}))
      return access === 'custom' ? { ...workspaceLevels(before.access, before.custom), ...given } : {}
    },
  },
  project: {
    path: '/team-projects',
    resource: teamProject,
    filter: 'filter[project][id]',
    read: 'project:read',
    manage: 'project:update',
    Create: z.object({
      access: projectAccess,
      'project-access': ProjectLevels.nullish(),
      'workspace-access': ProjectWorkspaceLevels.nullish(),
    }),
    Update: z.object({
      access: projectAccess.optional(),
      'project-access': ProjectLevels.nullish(),
      'workspace-access': ProjectWorkspaceLevels.nullish(),
    }),
    async scopeOf(ctx: Context, id: string) {
      const found = await selectOptionalProject(ctx.app.db, id)
      return found && { organizationId: found.organization_id, projectId: found.id }
    },
    customOf(
      access: string,
      attributes: Record<string, unknown>,
      before: { access: string; custom: Record<string, unknown> },
    ) {
      const project = named(attributes['project-access'] as Record<string, unknown> | null)
      const workspace = named(attributes['workspace-access'] as Record<string, unknown> | null)
      const fixed = projectLevels(access, {})
      refuseLevels(access, project, fixed.project)
      refuseLevels(access, workspace, fixed.workspace)
      if (access !== 'custom') return {}
      const now = projectLevels(before.access, before.custom)
      return { project: { ...now.project, ...project }, workspace: { ...now.workspace, ...workspace } }
    },
  },
} as const

for (const on of ['workspace', 'project'] as const satisfies GrantOn[]) addRoutes(on)

function addRoutes(on: GrantOn): void {
  const kind = kinds[on]
  const account = { action: 'account:read' } as const

  interface GrantSubject extends Subject {
    grant: Grant
  }
  const grantById = async (ctx: Context): Promise<GrantSubject> => {
    const grant = await selectOptionalGrant(ctx.app.db, on, ctx.params.grant_id!)
    if (!grant) throw problem('not_found')
    const { organization_id: organizationId, project_id: projectId, workspace_id: workspaceId } = grant
    return { grant, scope: { organizationId, projectId, ...(workspaceId && { workspaceId }) } }
  }

  grants.get(kind.path, account, async (ctx) => {
    const id = ctx.query[kind.filter]
    if (typeof id !== 'string') throw problem('bad_request', `${kind.filter} is needed.`)
    const scope = await kind.scopeOf(ctx, id)
    if (!scope) throw problem('not_found')
    await requireMay(ctx.access, kind.read, scope)
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectGrantsOf(ctx.app.db, on, id, page)
    return many(kind.resource, rows, ctx, { page, totalCount })
  })

  grants.post(kind.path, { ...account, attributes: kind.Create as z.ZodType, answers: 201 }, async (ctx) => {
    const input = ctx.input as Input<z.output<typeof kind.Create>>
    const ofId = input.relatedId(on)
    if (!ofId) throw invalid(on, `The relationship ${on} is required.`)
    const scope = await kind.scopeOf(ctx, ofId)
    if (!scope) throw problem('not_found')
    await requireMay(ctx.access, kind.manage, scope)
    const teamId = input.relatedId('team')
    const found = teamId ? await selectOptionalTeam(ctx.app.db, teamId) : null
    if (!found || found.organization_id !== scope.organizationId || !(await maySeeTeam(ctx.access, found)))
      throw problem('not_found')
    if (found.is_owners) throw invalid('team', 'Team owners has access to everything already')
    const { access } = input.attributes
    const custom = kind.customOf(access, input.attributes, { access: 'custom', custom: {} })
    return one(kind.resource, await insertGrant(ctx.app.db, on, { teamId: found.id, ofId, access, custom }), ctx)
  })

  const path = `${kind.path}/:grant_id`
  grants.get(path, { action: kind.read, subject: grantById }, (ctx) => one(kind.resource, ctx.subject.grant, ctx))

  grants.patch(path, { action: kind.manage, subject: grantById, attributes: kind.Update as z.ZodType }, async (ctx) => {
    const { grant } = ctx.subject
    const attributes = ctx.input.attributes as z.output<typeof kind.Update>
    const access = attributes.access ?? grant.access
    const custom = kind.customOf(access, attributes, grant)
    return one(kind.resource, await updateGrant(ctx.app.db, on, grant.id, { access, custom }), ctx)
  })

  grants.delete(path, { action: kind.manage, subject: grantById }, async (ctx) => {
    await deleteGrant(ctx.app.db, on, ctx.subject.grant.id)
  })
}
