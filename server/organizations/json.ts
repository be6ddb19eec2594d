import { organizationSettings } from '../../shared/organizations/organizations.ts'
import type { Organization } from '../../shared/organizations/queries.ts'
import { selectProjects } from '../../shared/projects/queries.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'
import { project } from '../projects/json.ts'
import { retentionLink } from '../retention/json.ts'

/** The id of an organization is its name. */
export const organization = defineResource<Organization>({
  type: 'organizations',
  id: (o) => o.name,
  async attributes(o, { access }) {
    const { 'default-agent-pool-id': _, ...settings } = organizationSettings(o)
    const scope = { organizationId: o.id }
    const owner = await access.may('organization:update', scope)
    return {
      ...settings,
      name: o.name,
      email: o.email,
      'external-id': o.id,
      'created-at': o.created_at,
      'is-unified': false,
      // module tests have no quota here
      'remaining-testable-count': 1_000_000,
      'saml-enabled': false,
      'fair-run-queuing-enabled': false,
      'two-factor-conformant': true,
      permissions: {
        'can-update': owner,
        'can-destroy': owner,
        'can-access-via-teams': true,
        'can-create-module': await access.may('registry:manage-modules', scope),
        'can-create-provider': await access.may('registry:manage-providers', scope),
        'can-create-project': await access.may('project:create', scope),
        'can-create-team': await access.may('team:manage', scope),
        'can-create-workspace': await access.hasFlag(o.id, 'manage-workspaces'),
        'can-create-workspace-migration': false,
        'can-deploy-no-code-modules': await access.hasFlag(o.id, 'manage-workspaces'),
        'can-manage-no-code-modules': await access.may('registry:manage-modules', scope),
        'can-manage-auditing': owner,
        'can-manage-public-modules': await access.hasFlag(o.id, 'manage-public-modules'),
        'can-manage-public-providers': await access.hasFlag(o.id, 'manage-public-providers'),
        'can-manage-run-tasks': await access.hasFlag(o.id, 'manage-run-tasks'),
        'can-manage-sso': false,
        'can-manage-subscription': false,
        'can-manage-users': await access.may('membership:manage', scope),
        'can-manage-varsets': await access.may('varset:manage', scope),
        'can-read-run-tasks': true,
        'can-read-varsets': await access.may('varset:read', scope),
        'can-start-trial': false,
        'can-traverse': true,
        'can-update-agent-pools': await access.may('agent-pool:manage', scope),
        'can-update-api-token': owner,
        'can-update-oauth': await access.hasFlag(o.id, 'manage-vcs-settings'),
        'can-update-sentinel': await access.hasFlag(o.id, 'manage-policies'),
        'can-update-ssh-keys': await access.hasFlag(o.id, 'manage-vcs-settings'),
        'can-enable-stacks': false,
      },
    }
  },
  relationships: (o) => ({
    'default-project': toOne('projects', o.default_project_id),
    'default-agent-pool': toOne('agent-pools', organizationSettings(o)['default-agent-pool-id']),
    'entitlement-set': { data: { type: 'entitlement-sets', id: o.id } },
    'data-retention-policy': retentionLink(o.retention_policy),
  }),
  links: (o) => ({ self: `/api/v2/organizations/${o.name}` }),
  includes: {
    'default-project': async (rows, { app }) => ({
      resource: project,
      rows: await selectProjects(
        app.db,
        rows.flatMap((o) => o.default_project_id ?? []),
      ),
    }),
  },
})

export const entitlementSet = defineResource<Organization>({
  type: 'entitlement-sets',
  id: (o) => o.id,
  attributes: () => ({
    agents: true,
    'audit-logging': true,
    'configuration-designer': false,
    'cost-estimation': false,
    'global-run-tasks': true,
    'module-tests-generation': false,
    operations: true,
    'policy-enforcement': true,
    'private-module-registry': true,
    'private-policy-agents': false,
    'private-run-tasks': false,
    'private-vcs': true,
    'run-tasks': true,
    sentinel: false,
    sso: false,
    'state-storage': true,
    teams: true,
    'usage-reporting': false,
    'user-limit': null,
    'vcs-integrations': true,
    'versioned-policy-set': true,
  }),
  links: (o) => ({ self: `/api/v2/entitlement-sets/${o.id}` }),
})
