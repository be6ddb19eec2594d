import { problem } from '../shared/errors.ts'
import { type Organization, selectOptionalOrganizationByName } from '../shared/organizations/queries.ts'
import { type Project, selectOptionalProject } from '../shared/projects/queries.ts'
import {
  selectOptionalWorkspaceById,
  selectOptionalWorkspaceByName,
  type Workspace,
} from '../shared/workspaces/queries.ts'
import type { Context, Subject } from './route.ts'

/** Loaders of what a path names. Each answers the row with its scope, or throws 'not_found'. */

export interface OrganizationSubject extends Subject {
  organization: Organization
}

export async function organizationByName(ctx: Context): Promise<OrganizationSubject> {
  const organization = await selectOptionalOrganizationByName(ctx.app.db, ctx.params.organization_name!)
  if (!organization) throw problem('not_found')
  return { organization, scope: { organizationId: organization.id } }
}

export interface WorkspaceSubject extends Subject {
  workspace: Workspace
}

const asSubject = (workspace: Workspace | null): WorkspaceSubject => {
  if (!workspace) throw problem('not_found')
  return {
    workspace,
    scope: {
      organizationId: workspace.organization_id,
      projectId: workspace.project_id,
      workspaceId: workspace.id,
    },
  }
}

export const workspaceById = async (ctx: Context): Promise<WorkspaceSubject> =>
  asSubject(await selectOptionalWorkspaceById(ctx.app.db, ctx.params.workspace_id!))

export const workspaceByName = async (ctx: Context): Promise<WorkspaceSubject> =>
  asSubject(await selectOptionalWorkspaceByName(ctx.app.db, ctx.params.organization_name!, ctx.params.workspace_name!))

export interface ProjectSubject extends Subject {
  project: Project
}

export async function projectById(ctx: Context): Promise<ProjectSubject> {
  const project = await selectOptionalProject(ctx.app.db, ctx.params.project_id!)
  if (!project) throw problem('not_found')
  return { project, scope: { organizationId: project.organization_id, projectId: project.id } }
}
