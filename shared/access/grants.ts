import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import {
  merge,
  type projectLevels,
  projectRoleInWorkspaces,
  type WorkspaceGrants,
  workspaceRoles,
} from '../permissions.ts'

export interface WorkspaceScope {
  organizationId: string
  projectId: string
  workspaceId: string
}

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
const grantOf = (row: AccessRow & { of: 'workspace' | 'project' }): WorkspaceGrants | null =>
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

const GrantRow = AccessRow.extend({ of: z.enum(['workspace', 'project']), id: z.string() })

/**
 * What the teams hold on each of the workspaces, by themselves or by their projects, on top of `least`. One statement,
 * however many workspaces.
 */
export async function teamGrants(
  tx: Tx,
  teamIds: readonly string[],
  scopes: readonly WorkspaceScope[],
  least: WorkspaceGrants | null,
): Promise<Map<string, WorkspaceGrants | null>> {
  const teams = sql.array([...teamIds], 'text')
  const list = (of: (scope: WorkspaceScope) => string) => sql.array([...new Set(scopes.map(of))], 'text')
  const rows =
    teamIds.length === 0
      ? []
      : await tx.any(sql.type(GrantRow)`
          select 'workspace' as of, workspace_id as id, access, custom
          from team_workspaces
          where workspace_id = any(${list((s) => s.workspaceId)}) and team_id = any(${teams})
          union all
          select 'project', project_id, access, custom
          from team_projects
          where project_id = any(${list((s) => s.projectId)}) and team_id = any(${teams})`)
  const byPlace = Map.groupBy(rows, (row) => `${row.of} ${row.id}`)
  return new Map(
    scopes.map((scope) => {
      const here = [
        ...(byPlace.get(`workspace ${scope.workspaceId}`) ?? []),
        ...(byPlace.get(`project ${scope.projectId}`) ?? []),
      ]
      return [scope.workspaceId, here.reduce((sum, row) => merge(sum, grantOf(row)), least)]
    }),
  )
}
