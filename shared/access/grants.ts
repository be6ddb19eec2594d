import { z } from 'zod'
import { type projectLevels, projectRoleInWorkspaces, type WorkspaceGrants, workspaceRoles } from '../permissions.ts'

/** What a row of team_workspaces or team_projects gives: a fixed role, or single rights (custom). */
export const AccessRow = z.object({ access: z.string(), custom: z.record(z.string(), z.unknown()) })
export type AccessRow = z.output<typeof AccessRow>

export type ProjectLevel = (typeof projectLevels)[number]

/** The role on the project itself. */
export const projectLevelOf = (row: AccessRow): ProjectLevel =>
  row.access === 'custom' ? customProjectLevel(row.custom) : (row.access as ProjectLevel)

function customProjectLevel(custom: Record<string, unknown>): ProjectLevel {
  const of = (custom.project ?? {}) as Record<string, unknown>
  return of.settings === 'delete' || of.settings === 'update' ? 'admin' : 'read'
}

/** What the row means on a workspace; null: nothing. */
export const grantOf = (row: AccessRow & { of: 'workspace' | 'project' }): WorkspaceGrants | null =>
  row.of === 'workspace' ? workspaceGrant(row) : projectGrant(row)

function workspaceGrant(row: AccessRow): WorkspaceGrants {
  if (row.access !== 'custom') return workspaceRoles[row.access as keyof typeof workspaceRoles]
  return customGrants(row.custom)
}

function projectGrant(row: AccessRow): WorkspaceGrants | null {
  if (row.access !== 'custom') return projectRoleInWorkspaces[row.access as ProjectLevel]
  return customGrants((row.custom.workspace ?? {}) as Record<string, unknown>)
}

function customGrants(custom: Record<string, unknown>): WorkspaceGrants {
  return {
    admin: false,
    runs: (custom.runs as WorkspaceGrants['runs']) ?? 'none',
    variables: (custom.variables as WorkspaceGrants['variables']) ?? 'none',
    states: (custom['state-versions'] as WorkspaceGrants['states']) ?? 'none',
    locking: custom['workspace-locking'] === true || custom.locking === true,
    runTasks: custom['run-tasks'] === true,
    policyOverrides: custom['policy-overrides'] === true,
  }
}
