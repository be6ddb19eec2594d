import { z } from 'zod'
import { invalid } from '../../shared/errors.ts'
import { projectRoleInWorkspaces, workspaceRoles } from '../../shared/permissions.ts'
import { titled } from '../jsonapi/body.ts'

/** What the fixed roles mean, in the words of the API; and which values a custom role may take. */
type Levels = Record<string, string | boolean>

const inList = 'is not included in the list'
const flag = z.boolean('must be true or false')

export const WorkspaceLevels = z.object({
  runs: z.enum(['read', 'plan', 'apply'], inList).nullish(),
  variables: z.enum(['none', 'read', 'write'], inList).nullish(),
  'state-versions': z.enum(['none', 'read-outputs', 'read', 'write'], inList).nullish(),
  'sentinel-mocks': z.enum(['none', 'read'], inList).nullish(),
  'workspace-locking': flag.nullish(),
  'run-tasks': flag.nullish(),
  'policy-overrides': flag.nullish(),
})

const lowest: Levels = {
  runs: 'read',
  variables: 'none',
  'state-versions': 'none',
  'sentinel-mocks': 'none',
  'workspace-locking': false,
  'run-tasks': false,
  'policy-overrides': false,
}

type Role = (typeof workspaceRoles)[keyof typeof workspaceRoles]
const ofRole = (role: Role | null): Levels =>
  role === null
    ? lowest
    : {
        runs: role.runs,
        variables: role.variables,
        'state-versions': role.states,
        'sentinel-mocks': role.locking ? 'read' : 'none',
        'workspace-locking': role.locking,
        'run-tasks': role.runTasks,
        'policy-overrides': role.policyOverrides,
      }

/** Every level of a grant on a workspace, whatever its access. */
export const workspaceLevels = (access: string, custom: Record<string, unknown>): Levels =>
  access === 'custom'
    ? { ...lowest, ...(custom as Levels) }
    : ofRole(workspaceRoles[access as keyof typeof workspaceRoles] ?? null)

export const ProjectLevels = z.object({
  settings: z.enum(['read', 'update', 'delete'], inList).nullish(),
  teams: z.enum(['none', 'read', 'manage'], inList).nullish(),
  'variable-sets': z.enum(['none', 'read', 'write'], inList).nullish(),
})
export const ProjectWorkspaceLevels = z.object({
  runs: z.enum(['read', 'plan', 'apply'], inList).nullish(),
  variables: z.enum(['none', 'read', 'write'], inList).nullish(),
  'state-versions': z.enum(['none', 'read-outputs', 'read', 'write'], inList).nullish(),
  'sentinel-mocks': z.enum(['none', 'read'], inList).nullish(),
  create: flag.nullish(),
  locking: flag.nullish(),
  move: flag.nullish(),
  delete: flag.nullish(),
  'run-tasks': flag.nullish(),
  'policy-overrides': flag.nullish(),
})

export interface ProjectGrantLevels {
  project: Levels
  workspace: Levels
}

export function projectLevels(access: string, custom: Record<string, unknown>): ProjectGrantLevels {
  const isAdmin = access === 'admin'
  const isMaintainer = isAdmin || access === 'maintain'
  const role = projectRoleInWorkspaces[access as keyof typeof projectRoleInWorkspaces] ?? null
  const { 'workspace-locking': locking, ...levels } = ofRole(role)
  const fixed: ProjectGrantLevels = {
    project: {
      settings: isAdmin ? 'delete' : 'read',
      teams: isAdmin ? 'manage' : 'none',
      'variable-sets': isAdmin ? 'write' : isMaintainer ? 'read' : 'none',
    },
    workspace: { ...levels, locking: locking!, create: isMaintainer, move: isAdmin, delete: isMaintainer },
  }
  if (access !== 'custom') return fixed
  return {
    project: { ...fixed.project, ...(custom.project as Levels | undefined) },
    workspace: { ...fixed.workspace, ...(custom.workspace as Levels | undefined) },
  }
}

/** The levels that a request names, without those it leaves open. */
export const named = (levels: Record<string, unknown> | null | undefined): Levels =>
  Object.fromEntries(Object.entries(levels ?? {}).filter(([, v]) => v !== null && v !== undefined)) as Levels

/** @throws problem 'invalid_attribute' for a level beside a fixed role that says otherwise */
export function refuseLevels(access: string, given: Levels, fixed: Levels): void {
  const other = Object.keys(given).find((name) => given[name] !== fixed[name])
  if (access !== 'custom' && other)
    throw invalid(
      other,
      `${titled(other)} is read-only when access level is '${access}'; use the 'custom' access level to set this attribute.`,
    )
}
