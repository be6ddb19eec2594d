import { selectConfigurations } from '../../shared/configurations/queries.ts'
import { selectOrganizations } from '../../shared/organizations/queries.ts'
import type { Action } from '../../shared/permissions.ts'
import { selectProjects } from '../../shared/projects/queries.ts'
import { selectRuns } from '../../shared/runs/queries.ts'
import { selectStateVersions } from '../../shared/states/queries.ts'
import { selectUsers } from '../../shared/users/users.ts'
import type { Workspace } from '../../shared/workspaces/queries.ts'
import { configuration } from '../configurations/json.ts'
import type { ResourceDefinition } from '../jsonapi/document.ts'
import { organization } from '../organizations/json.ts'
import { project } from '../projects/json.ts'
import type { Context } from '../route.ts'
import { run } from '../runs/json.ts'
import { stateVersion } from '../states/json.ts'
import { effectiveTagBinding, effectiveTags } from '../tags/json.ts'
import { user } from '../users/json.ts'

const ids = (rows: readonly Workspace[], column: (w: Workspace) => string | null): string[] => [
  ...new Set(rows.flatMap((w) => column(w) ?? [])),
]

/**
 * Included side by side, an organization (by its default project) and a project would lead to each other, and the Go
 * decoder would follow them until its stack ends: here the project only links to its organization.
 */
const includedProject: typeof project = {
  ...project,
  relationships: (p) => ({ organization: { links: { related: `/api/v2/organizations/${p.organization_name}` } } }),
}

/** Ids in a column of those workspaces where the caller may do the action. */
async function permitted(
  rows: readonly Workspace[],
  { access }: Context,
  action: Action,
  column: (w: Workspace) => string | null,
): Promise<string[]> {
  const found: string[] = []
  for (const w of rows) {
    const id = column(w)
    const scope = { organizationId: w.organization_id, projectId: w.project_id, workspaceId: w.id }
    if (id && (await access.may(action, scope))) found.push(id)
  }
  return found
}

export const workspaceIncludes: NonNullable<ResourceDefinition<Workspace>['includes']> = {
  organization: async (rows, { app }) => ({
    resource: organization,
    rows: await selectOrganizations(
      app.db,
      ids(rows, (w) => w.organization_id),
    ),
  }),
  project: async (rows, { app }) => ({
    resource: includedProject,
    rows: await selectProjects(
      app.db,
      ids(rows, (w) => w.project_id),
    ),
  }),
  'locked-by': async (rows, { app }) => ({
    resource: user,
    rows: await selectUsers(
      app.db,
      ids(rows, (w) => w.locked_by_user_id),
    ),
  }),
  'current-run': async (rows, ctx) => ({
    resource: run,
    rows: await selectRuns(ctx.app.db, await permitted(rows, ctx, 'run:read', (w) => w.current_run_id)),
  }),
  'current-state-version': async (rows, ctx) => ({
    resource: stateVersion,
    rows: await selectStateVersions(
      ctx.app.db,
      await permitted(rows, ctx, 'state:read', (w) => w.current_state_version_id),
    ),
  }),
  'current-configuration-version': async (rows, ctx) => ({
    resource: configuration,
    rows: await selectConfigurations(
      ctx.app.db,
      await permitted(rows, ctx, 'configuration:read', (w) => w.current_configuration_version_id),
    ),
  }),
  'effective-tag-bindings': async (rows) => ({ resource: effectiveTagBinding, rows: rows.flatMap(effectiveTags) }),
}
