import { openParameter, type Parameter } from '../../shared/policies/parameters.ts'
import { type Policy, selectPolicies } from '../../shared/policies/policies.ts'
import type { PolicySet } from '../../shared/policies/sets.ts'
import { type PolicySetVersion, selectPolicySetVersions } from '../../shared/policies/versions.ts'
import { selectProjects } from '../../shared/projects/queries.ts'
import { signedUrl } from '../../shared/signed-url.ts'
import { selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { defineResource, statusTimestamps, toMany, toOne } from '../jsonapi/document.ts'
import { project } from '../projects/json.ts'
import { workspace } from '../workspaces/json.ts'

const unique = (ids: string[]): string[] => [...new Set(ids)]

export const policy = defineResource<Policy>({
  type: 'policies',
  id: (p) => p.id,
  attributes: (p) => ({
    name: p.name,
    description: p.description,
    kind: p.kind,
    query: p.query,
    'enforcement-level': p.enforcement_level,
    // the older form, of policies that have their code
    enforce: p.is_uploaded
      ? [{ path: `${p.name}.${p.kind === 'opa' ? 'rego' : 'sentinel'}`, mode: p.enforcement_level }]
      : [],
    'policy-set-count': p.policy_set_count,
    'updated-at': p.updated_at,
  }),
  relationships: (p) => ({ organization: toOne('organizations', p.organization_name) }),
  links: (p) => ({
    self: `/api/v2/policies/${p.id}`,
    upload: `/api/v2/policies/${p.id}/upload`,
    download: `/api/v2/policies/${p.id}/download`,
  }),
})

export const policySetVersion = defineResource<PolicySetVersion>({
  type: 'policy-set-versions',
  id: (v) => v.id,
  attributes: (v) => ({
    source: 'tfe-api',
    status: v.status,
    'status-timestamps': statusTimestamps(v.status_timestamps),
    error: v.error,
    'error-message': v.error,
    'ingress-attributes': null,
    'created-at': v.created_at,
    'updated-at': v.updated_at,
  }),
  relationships: (v) => ({ 'policy-set': toOne('policy-sets', v.policy_set_id) }),
  links: (v, ctx) => ({
    self: `/api/v2/policy-set-versions/${v.id}`,
    ...(v.status === 'pending' && { upload: signedUrl(ctx.app, ctx.origin, 'policies-upload', v.id) }),
  }),
})

export const policySet = defineResource<PolicySet>({
  type: 'policy-sets',
  id: (s) => s.id,
  attributes: (s) => ({
    name: s.name,
    description: s.description,
    kind: s.kind,
    global: s.is_global,
    // Sentinel of old, outside the agent, has neither
    overridable: s.kind === 'sentinel' && !s.agent_enabled ? null : s.overridable,
    'agent-enabled': s.agent_enabled,
    'policy-tool-version': s.kind === 'sentinel' && !s.agent_enabled ? null : s.policy_tool_version,
    'policies-path': s.policies_path,
    'policy-update-patterns': s.policy_update_patterns,
    'policy-count': s.policy_ids.length,
    'workspace-count': s.workspace_ids.length,
    'project-count': s.project_ids.length,
    versioned: s.newest_version_id !== null,
    'vcs-repo': null,
    'created-at': s.created_at,
    'updated-at': s.updated_at,
  }),
  relationships: (s) => ({
    organization: toOne('organizations', s.organization_name),
    policies: toMany('policies', s.policy_ids),
    workspaces: toMany('workspaces', s.workspace_ids),
    'workspace-exclusions': toMany('workspaces', s.workspace_exclusion_ids),
    projects: toMany('projects', s.project_ids),
    'project-exclusions': toMany('projects', s.project_exclusion_ids),
    'newest-version': toOne('policy-set-versions', s.newest_version_id),
    'current-version': toOne('policy-set-versions', s.current_version_id),
  }),
  links: (s) => ({ self: `/api/v2/policy-sets/${s.id}` }),
  includes: {
    policies: async (rows, { app }) => ({
      resource: policy,
      rows: await selectPolicies(app.db, unique(rows.flatMap((s) => s.policy_ids))),
    }),
    workspaces: async (rows, { app }) => ({
      resource: workspace,
      rows: await selectWorkspaces(app.db, unique(rows.flatMap((s) => s.workspace_ids))),
    }),
    'workspace-exclusions': async (rows, { app }) => ({
      resource: workspace,
      rows: await selectWorkspaces(app.db, unique(rows.flatMap((s) => s.workspace_exclusion_ids))),
    }),
    projects: async (rows, { app }) => ({
      resource: project,
      rows: await selectProjects(app.db, unique(rows.flatMap((s) => s.project_ids))),
    }),
    'project-exclusions': async (rows, { app }) => ({
      resource: project,
      rows: await selectProjects(app.db, unique(rows.flatMap((s) => s.project_exclusion_ids))),
    }),
    'newest-version': async (rows, { app }) => ({
      resource: policySetVersion,
      rows: await selectPolicySetVersions(
        app.db,
        rows.flatMap((s) => s.newest_version_id ?? []),
      ),
    }),
    'current-version': async (rows, { app }) => ({
      resource: policySetVersion,
      rows: await selectPolicySetVersions(
        app.db,
        rows.flatMap((s) => s.current_version_id ?? []),
      ),
    }),
  },
})

export const parameter = defineResource<Parameter>({
  type: 'vars',
  id: (p) => p.id,
  attributes: (p, { app }) => ({
    key: p.key,
    value: p.sensitive ? null : openParameter(app, p),
    sensitive: p.sensitive,
    category: 'policy-set',
    hcl: false,
    description: '',
  }),
  relationships: (p) => ({ configurable: toOne('policy-sets', p.policy_set_id) }),
  links: (p) => ({ self: `/api/v2/policy-sets/${p.policy_set_id}/parameters/${p.id}` }),
})
