import type { Action, OrganizationFlag } from '../../shared/permissions.ts'

/**
 * Who may do what, as HCP documents it, written down a second time: shared/permissions.ts is held against it.
 * Sources: developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/permissions (workspace, project,
 * organization) and …/users-teams-organizations/api-tokens.
 */
export type Role =
  | 'owner'
  | 'member'
  | `workspace ${'read' | 'plan' | 'write' | 'admin'}`
  | `project ${'read' | 'write' | 'maintain' | 'admin'}`
  | `flag ${OrganizationFlag}`
  | `${'organization' | 'audit-trail' | 'agent' | 'phase'} token`
  | 'anonymous'
  | 'site admin'

const everyoneInside: Role[] = [
  'owner',
  'member',
  ...(['read', 'plan', 'write', 'admin'] as const).map((r) => `workspace ${r}` as const),
  ...(['read', 'write', 'maintain', 'admin'] as const).map((r) => `project ${r}` as const),
]

const owners: Role[] = ['owner', 'site admin', 'organization token']
const flags = (...names: OrganizationFlag[]): Role[] => [...owners, ...names.map((n) => `flag ${n}` as const)]

const wsAdmin: Role[] = [...owners, 'workspace admin', 'project maintain', 'project admin', 'flag manage-workspaces']
const wsWrite: Role[] = [...wsAdmin, 'workspace write', 'project write']
const wsPlan: Role[] = [...wsWrite, 'workspace plan']
const wsRead: Role[] = [...wsPlan, 'workspace read', 'project read', 'flag read-workspaces']
const noOrganizationToken = (roles: Role[]) => roles.filter((role) => role !== 'organization token')

const prjAdmin: Role[] = [...owners, 'project admin', 'flag manage-projects']
const prjMaintain: Role[] = [...prjAdmin, 'project maintain', 'flag manage-workspaces']
const prjRead: Role[] = [...prjMaintain, 'project write', 'project read', 'flag read-projects']

/** 'inside' stands for every member whatever their rights, 'signed in' for every account, 'all' for anybody. */
type Who = Role[] | 'inside' | 'signed in' | 'all'

export const expected: Record<Action, Who | { inside: Role[] }> = {
  'public:read': 'all',
  'account:read': 'signed in',
  'account:update': 'signed in',
  'site:admin': ['site admin'],
  'organization:list': 'signed in',
  'organization:create': 'signed in',
  'organization:read': { inside: ['phase token'] },
  'organization:update': owners,
  'organization:delete': owners,
  'organization:queue': 'inside',
  'organization-token:manage': owners,
  'membership:read': 'inside',
  'membership:manage': flags('manage-membership', 'manage-teams', 'manage-organization-access'),
  'team:read': 'inside',
  'team:manage': flags('manage-teams', 'manage-organization-access'),
  'agent-pool:read': 'inside',
  'agent-pool:manage': flags('manage-agent-pools'),
  'varset:read': 'inside',
  'varset:manage': flags('manage-workspaces'),
  'tag:read': 'inside',
  'tag:manage': flags('manage-workspaces'),
  'ssh-key:read': 'inside',
  'ssh-key:manage': flags('manage-vcs-settings'),
  'oauth-client:read': 'inside',
  'oauth-client:manage': flags('manage-vcs-settings'),
  'registry:read': { inside: ['phase token'] },
  'registry:read-modules': { inside: ['phase token'] },
  'registry:read-providers': { inside: ['phase token'] },
  'registry:manage-modules': flags('manage-modules'),
  'registry:manage-providers': flags('manage-providers'),
  'audit:read': [...owners, 'audit-trail token'],
  'project:list': 'inside',
  'project:create': flags('manage-projects'),
  'project:read': prjRead,
  'project:update': prjAdmin,
  'project:delete': prjAdmin,
  'workspace:list': { inside: ['phase token'] },
  'workspace:create': prjMaintain,
  'workspace:read': [...wsRead, 'phase token'],
  'workspace:update': wsAdmin,
  'workspace:delete': wsAdmin,
  'workspace:lock': wsWrite,
  'workspace:unlock': wsWrite,
  'workspace:force-unlock': wsAdmin,
  'workspace:tags': wsAdmin,
  'workspace:access': wsAdmin,
  'policy:manage': flags('manage-policies'),
  'task:read': 'inside',
  'task:manage': flags('manage-run-tasks'),
  'task:attach': wsAdmin,
  'notification:manage': wsAdmin,
  'notification:manage-project': prjAdmin,
  'notification:manage-team': flags('manage-teams', 'manage-organization-access'),
  'configuration:read': wsRead,
  'configuration:create': noOrganizationToken(wsPlan),
  'configuration:download': wsRead,
  'run:read': wsRead,
  'run:create': noOrganizationToken(wsPlan),
  'run:comment': wsPlan,
  'run:apply': noOrganizationToken(wsWrite),
  'run:discard': noOrganizationToken(wsWrite),
  'run:cancel': noOrganizationToken(wsWrite),
  'run:force-cancel': noOrganizationToken(wsAdmin),
  'run:force-execute': noOrganizationToken(wsAdmin),
  'run:override-policy': wsAdmin,
  'plan:read-json': wsAdmin,
  'state:read': [...wsRead, 'phase token'],
  'state:read-outputs': [...wsRead, 'phase token'],
  'state:create': noOrganizationToken(wsWrite),
  'state:manage': wsAdmin,
  'variable:read': wsRead,
  'variable:manage': wsWrite,
  'agent:work': ['agent token'],
}

export function mayBy(table: Who | { inside: Role[] }, role: Role): boolean {
  if (table === 'all') return true
  const isMember = everyoneInside.includes(role) || role.startsWith('flag ') || owners.includes(role)
  if (table === 'signed in') return isMember
  if (table === 'inside') return isMember
  return Array.isArray(table) ? table.includes(role) : isMember || table.inside.includes(role)
}
