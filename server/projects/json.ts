import type { Project } from '../../shared/projects/queries.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'

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
      'created-at': p.created_at,
      permissions: {
        'can-read': true,
        'can-update': await access.may('project:update', scope),
        'can-destroy': !p.is_default && (await access.may('project:delete', scope)),
        'can-create-workspace': await access.may('workspace:create', scope),
      },
    }
  },
  relationships: (p) => ({ organization: toOne('organizations', p.organization_name) }),
  links: (p) => ({ self: `/api/v2/projects/${p.id}` }),
})
