import type { Project } from '../../shared/projects/queries.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'
import { effectiveTagBinding } from '../tags/json.ts'

const ownMode = (p: Project): unknown => p.settings['default-execution-mode']

const agentPool = (p: Project): string | null => {
  if (ownMode(p) === 'agent') return p.settings['default-agent-pool-id'] as string
  return ownMode(p) === undefined && p.organization_execution_mode === 'agent' ? p.organization_agent_pool_id : null
}

export const project = defineResource<Project>({
  type: 'projects',
  id: (p) => p.id,
  async attributes(p, { access }) {
    const scope = { organizationId: p.organization_id, projectId: p.id }
    return {
      name: p.name,
      description: p.description,
      'is-unified': false,
      'workspace-count': p.workspace_count,
      'default-execution-mode': ownMode(p) ?? p.organization_execution_mode,
      'setting-overwrites': {
        'default-execution-mode': ownMode(p) !== undefined,
        'default-agent-pool': ownMode(p) !== undefined,
      },
      'auto-destroy-activity-duration': p.settings['auto-destroy-activity-duration'] ?? null,
      'created-at': p.created_at,
      permissions: {
        'can-read': true,
        'can-update': await access.may('project:update', scope),
        'can-destroy': !p.is_default && (await access.may('project:delete', scope)),
        'can-create-workspace': await access.may('workspace:create', scope),
      },
    }
  },
  relationships: (p) => ({
    organization: toOne('organizations', p.organization_name),
    'default-agent-pool': toOne('agent-pools', agentPool(p)),
    'tag-bindings': toMany(
      'tag-bindings',
      p.tag_bindings.map((b) => b.id),
    ),
    'effective-tag-bindings': toMany(
      'effective-tag-bindings',
      p.tag_bindings.map((b) => b.id),
    ),
  }),
  links: (p) => ({ self: `/api/v2/projects/${p.id}` }),
  includes: {
    'effective-tag-bindings': async (rows) => ({
      resource: effectiveTagBinding,
      rows: rows.flatMap((p) => p.tag_bindings.map((b) => ({ ...b, inheritedFrom: null }))),
    }),
  },
})
