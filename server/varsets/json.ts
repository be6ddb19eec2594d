import { selectProjects } from '../../shared/projects/queries.ts'
import { selectVariablesOfSets } from '../../shared/variables/queries.ts'
import type { Varset } from '../../shared/varsets/queries.ts'
import { selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'
import { project } from '../projects/json.ts'
import { variable } from '../variables/json.ts'
import { workspace } from '../workspaces/json.ts'

const unique = (ids: string[]): string[] => [...new Set(ids)]

export const varset = defineResource<Varset>({
  type: 'varsets',
  id: (s) => s.id,
  async attributes(s, { access }) {
    const mayManage = await access.may('varset:manage', { organizationId: s.organization_id })
    return {
      name: s.name,
      description: s.description,
      global: s.is_global,
      priority: s.priority,
      'var-count': s.variable_ids.length,
      'workspace-count': s.workspace_ids.length,
      'project-count': s.project_ids.length,
      'created-at': s.created_at,
      'updated-at': s.updated_at,
      permissions: { 'can-update': mayManage },
    }
  },
  relationships: (s) => ({
    organization: toOne('organizations', s.organization_name),
    parent: s.project_id ? toOne('projects', s.project_id) : toOne('organizations', s.organization_name),
    vars: toMany('vars', s.variable_ids),
    workspaces: toMany('workspaces', s.workspace_ids),
    projects: toMany('projects', s.project_ids),
    stacks: { data: [] },
  }),
  links: (s) => ({ self: `/api/v2/varsets/${s.id}` }),
  includes: {
    vars: async (rows, { app }) => ({
      resource: variable,
      rows: await selectVariablesOfSets(
        app.db,
        rows.map((s) => s.id),
      ),
    }),
    workspaces: async (rows, { app }) => ({
      resource: workspace,
      rows: await selectWorkspaces(app.db, unique(rows.flatMap((s) => s.workspace_ids))),
    }),
    projects: async (rows, { app }) => ({
      resource: project,
      rows: await selectProjects(app.db, unique(rows.flatMap((s) => s.project_ids))),
    }),
  },
})
