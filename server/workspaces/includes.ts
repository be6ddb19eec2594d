import { selectOrganizations } from '../../shared/organizations/queries.ts'
import { selectProjects } from '../../shared/projects/queries.ts'
import { selectUsers } from '../../shared/users/users.ts'
import type { Workspace } from '../../shared/workspaces/queries.ts'
import type { ResourceDefinition } from '../jsonapi/document.ts'
import { organization } from '../organizations/json.ts'
import { project } from '../projects/json.ts'
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
  'effective-tag-bindings': async (rows) => ({ resource: effectiveTagBinding, rows: rows.flatMap(effectiveTags) }),
}
