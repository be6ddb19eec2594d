import { type Configuration, selectOptionalConfiguration } from '../shared/configurations/queries.ts'
import { problem } from '../shared/errors.ts'
import { type Organization, selectOptionalOrganizationByName } from '../shared/organizations/queries.ts'
import { type Project, selectOptionalProject } from '../shared/projects/queries.ts'
import { type StateVersion, selectOptionalStateVersion } from '../shared/states/queries.ts'
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

export interface WorkspaceSubject<W extends Workspace = Workspace> extends Subject {
  workspace: W
}

export function workspaceSubject<W extends Workspace>(workspace: W | null): WorkspaceSubject<W> {
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
  workspaceSubject(await selectOptionalWorkspaceById(ctx.app.db, ctx.params.workspace_id!))

export const workspaceByName = async (ctx: Context): Promise<WorkspaceSubject> =>
  workspaceSubject(
    await selectOptionalWorkspaceByName(ctx.app.db, ctx.params.organization_name!, ctx.params.workspace_name!),
  )

export interface ProjectSubject extends Subject {
  project: Project
}

export async function projectById(ctx: Context): Promise<ProjectSubject> {
  const project = await selectOptionalProject(ctx.app.db, ctx.params.project_id!)
  if (!project) throw problem('not_found')
  return { project, scope: { organizationId: project.organization_id, projectId: project.id } }
}

export interface ConfigurationSubject extends Subject {
  configuration: Configuration
}

export async function configurationById(ctx: Context): Promise<ConfigurationSubject> {
  const configuration = await selectOptionalConfiguration(ctx.app.db, ctx.params.configuration_version_id!)
  if (!configuration) throw problem('not_found')
  return { configuration, scope: inWorkspace(configuration) }
}

export interface StateVersionSubject extends Subject {
  stateVersion: StateVersion
}

export async function stateVersionById(ctx: Context): Promise<StateVersionSubject> {
  const stateVersion = await selectOptionalStateVersion(ctx.app.db, ctx.params.state_version_id!)
  if (!stateVersion) throw problem('not_found')
  return { stateVersion, scope: inWorkspace(stateVersion) }
}

export const inWorkspace = (row: { organization_id: string; project_id: string; workspace_id: string }) => ({
  organizationId: row.organization_id,
  projectId: row.project_id,
  workspaceId: row.workspace_id,
})
