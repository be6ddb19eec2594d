/**
 * The permission table: action → what the caller must hold. Everything that asks "may they?" reads it:
 * API routes, pages, permissions blocks, documentation. A route without an action cannot be registered.
 */
export const runLevels = ['none', 'read', 'plan', 'apply'] as const
export const variableLevels = ['none', 'read', 'write'] as const
export const stateLevels = ['none', 'read-outputs', 'read', 'write'] as const

/** What somebody holds on one workspace. */
export interface WorkspaceGrants {
  admin: boolean
  runs: (typeof runLevels)[number]
  variables: (typeof variableLevels)[number]
  states: (typeof stateLevels)[number]
  locking: boolean
  runTasks: boolean
  policyOverrides: boolean
}

export const organizationFlags = [
  'manage-workspaces',
  'manage-projects',
  'read-workspaces',
  'read-projects',
  'manage-policies',
  'manage-policy-overrides',
  'delegate-policy-overrides',
  'manage-vcs-settings',
  'manage-modules',
  'manage-providers',
  'manage-run-tasks',
  'manage-membership',
  'manage-teams',
  'manage-organization-access',
  'access-secret-teams',
  'manage-agent-pools',
  'manage-public-modules',
  'manage-public-providers',
] as const
export type OrganizationFlag = (typeof organizationFlags)[number]

export const projectLevels = ['none', 'read', 'write', 'maintain', 'admin'] as const

export type Need =
  /** any account that is signed in */
  | { on: 'account' }
  /** no credentials: the route proves its caller in another way, or tells nothing */
  | { on: 'anyone' }
  | { on: 'site' }
  | { on: 'organization'; needs: 'member' | 'owner' | OrganizationFlag }
  | { on: 'project'; needs: (typeof projectLevels)[number] }
  | {
      on: 'workspace'
      needs: Partial<Omit<WorkspaceGrants, 'admin'>> & { admin?: true }
      /** Organization tokens manage settings; they start no runs and write no state. */
      notByOrganizationToken?: true
    }
  /** the agent or phase that holds the work */
  | { on: 'agent' }

export const actions = {
  'public:read': { on: 'anyone' },
  'account:read': { on: 'account' },
  'account:update': { on: 'account' },

  'site:admin': { on: 'site' },

  'organization:list': { on: 'account' },
  'organization:create': { on: 'account' },
  'organization:read': { on: 'organization', needs: 'member' },
  'organization:update': { on: 'organization', needs: 'owner' },
  'organization:delete': { on: 'organization', needs: 'owner' },
  'organization:queue': { on: 'organization', needs: 'member' },
  'organization-token:manage': { on: 'organization', needs: 'owner' },
  'membership:read': { on: 'organization', needs: 'member' },
  'membership:manage': { on: 'organization', needs: 'manage-membership' },
  'team:read': { on: 'organization', needs: 'member' },
  'team:manage': { on: 'organization', needs: 'manage-teams' },
  'agent-pool:read': { on: 'organization', needs: 'member' },
  'agent-pool:manage': { on: 'organization', needs: 'manage-agent-pools' },
  'varset:read': { on: 'organization', needs: 'member' },
  'varset:manage': { on: 'organization', needs: 'manage-workspaces' },
  'tag:read': { on: 'organization', needs: 'member' },
  'tag:manage': { on: 'organization', needs: 'manage-workspaces' },
  'ssh-key:read': { on: 'organization', needs: 'member' },
  'ssh-key:manage': { on: 'organization', needs: 'manage-vcs-settings' },
  'oauth-client:read': { on: 'organization', needs: 'member' },
  'oauth-client:manage': { on: 'organization', needs: 'manage-vcs-settings' },
  'registry:read': { on: 'organization', needs: 'member' },
  /** Members, and the organizations that the modules or providers are shared with. */
  'registry:read-modules': { on: 'organization', needs: 'member' },
  'registry:read-providers': { on: 'organization', needs: 'member' },
  'registry:manage-modules': { on: 'organization', needs: 'manage-modules' },
  'registry:manage-providers': { on: 'organization', needs: 'manage-providers' },
  'audit:read': { on: 'organization', needs: 'owner' },

  'project:list': { on: 'organization', needs: 'member' },
  'project:create': { on: 'organization', needs: 'manage-projects' },
  'project:read': { on: 'project', needs: 'read' },
  'project:update': { on: 'project', needs: 'admin' },
  'project:delete': { on: 'project', needs: 'admin' },

  'workspace:list': { on: 'organization', needs: 'member' },
  'workspace:create': { on: 'project', needs: 'maintain' },
  'workspace:read': { on: 'workspace', needs: {} },
  'workspace:update': { on: 'workspace', needs: { admin: true } },
  'workspace:delete': { on: 'workspace', needs: { admin: true } },
  'workspace:lock': { on: 'workspace', needs: { locking: true } },
  'workspace:unlock': { on: 'workspace', needs: { locking: true } },
  'workspace:force-unlock': { on: 'workspace', needs: { admin: true } },
  'workspace:tags': { on: 'workspace', needs: { admin: true } },
  'workspace:access': { on: 'workspace', needs: { admin: true } },

  'policy:manage': { on: 'organization', needs: 'manage-policies' },
  'task:read': { on: 'organization', needs: 'member' },
  'task:manage': { on: 'organization', needs: 'manage-run-tasks' },
  'task:attach': { on: 'workspace', needs: { runTasks: true } },
  'notification:manage': { on: 'workspace', needs: { admin: true } },
  'notification:manage-project': { on: 'project', needs: 'admin' },
  'notification:manage-team': { on: 'organization', needs: 'manage-teams' },

  'configuration:read': { on: 'workspace', needs: { runs: 'read' } },
  'configuration:create': { on: 'workspace', needs: { runs: 'plan' }, notByOrganizationToken: true },
  'configuration:download': { on: 'workspace', needs: { runs: 'read' } },

  'run:read': { on: 'workspace', needs: { runs: 'read' } },
  'run:create': { on: 'workspace', needs: { runs: 'plan' }, notByOrganizationToken: true },
  'run:comment': { on: 'workspace', needs: { runs: 'plan' } },
  'run:apply': { on: 'workspace', needs: { runs: 'apply' }, notByOrganizationToken: true },
  'run:discard': { on: 'workspace', needs: { runs: 'apply' }, notByOrganizationToken: true },
  'run:cancel': { on: 'workspace', needs: { runs: 'apply' }, notByOrganizationToken: true },
  'run:force-cancel': { on: 'workspace', needs: { admin: true }, notByOrganizationToken: true },
  'run:force-execute': { on: 'workspace', needs: { admin: true }, notByOrganizationToken: true },
  'run:override-policy': { on: 'workspace', needs: { policyOverrides: true } },
  /** The unredacted plan: it holds sensitive values. */
  'plan:read-json': { on: 'workspace', needs: { admin: true } },

  'state:read': { on: 'workspace', needs: { states: 'read' } },
  'state:read-outputs': { on: 'workspace', needs: { states: 'read-outputs' } },
  'state:create': { on: 'workspace', needs: { states: 'write' }, notByOrganizationToken: true },
  'state:manage': { on: 'workspace', needs: { admin: true } },

  'variable:read': { on: 'workspace', needs: { variables: 'read' } },
  'variable:manage': { on: 'workspace', needs: { variables: 'write' } },

  'agent:work': { on: 'agent' },
} as const satisfies Record<string, Need>

export type Action = keyof typeof actions

const none: WorkspaceGrants = {
  admin: false,
  runs: 'none',
  variables: 'none',
  states: 'none',
  locking: false,
  runTasks: false,
  policyOverrides: false,
}

/** HCP's fixed roles on a workspace. */
export const workspaceRoles = {
  read: { ...none, runs: 'read', variables: 'read', states: 'read' },
  plan: { ...none, runs: 'plan', variables: 'read', states: 'read' },
  write: { ...none, runs: 'apply', variables: 'write', states: 'write', locking: true },
  admin: {
    admin: true,
    runs: 'apply',
    variables: 'write',
    states: 'write',
    locking: true,
    runTasks: true,
    policyOverrides: true,
  },
} as const satisfies Record<string, WorkspaceGrants>

/** What a project role means in each workspace of the project. */
export const projectRoleInWorkspaces = {
  none: null,
  read: workspaceRoles.read,
  write: workspaceRoles.write,
  maintain: workspaceRoles.admin,
  admin: workspaceRoles.admin,
} as const satisfies Record<(typeof projectLevels)[number], WorkspaceGrants | null>

const atLeast = <T extends string>(levels: readonly T[], have: T, need: T): boolean =>
  levels.indexOf(have) >= levels.indexOf(need)

/** Whether the grants satisfy the need of a workspace action. */
export function satisfies(grants: WorkspaceGrants, needs: Extract<Need, { on: 'workspace' }>['needs']): boolean {
  if (needs.admin) return grants.admin
  return (
    (!needs.runs || atLeast(runLevels, grants.runs, needs.runs)) &&
    (!needs.variables || atLeast(variableLevels, grants.variables, needs.variables)) &&
    (!needs.states || atLeast(stateLevels, grants.states, needs.states)) &&
    (!needs.locking || grants.locking) &&
    (!needs.runTasks || grants.runTasks) &&
    (!needs.policyOverrides || grants.policyOverrides)
  )
}

/** The union of two grants: of several teams the stronger right counts, right by right. */
export function merge(a: WorkspaceGrants | null, b: WorkspaceGrants | null): WorkspaceGrants | null {
  if (!a || !b) return a ?? b
  const higher = <T extends string>(levels: readonly T[], x: T, y: T): T =>
    levels.indexOf(x) >= levels.indexOf(y) ? x : y
  return {
    admin: a.admin || b.admin,
    runs: higher(runLevels, a.runs, b.runs),
    variables: higher(variableLevels, a.variables, b.variables),
    states: higher(stateLevels, a.states, b.states),
    locking: a.locking || b.locking,
    runTasks: a.runTasks || b.runTasks,
    policyOverrides: a.policyOverrides || b.policyOverrides,
  }
}

export const atLeastProject = (have: (typeof projectLevels)[number], need: (typeof projectLevels)[number]): boolean =>
  atLeast(projectLevels, have, need)

export const noGrants = none
