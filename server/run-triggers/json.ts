import type { RunTrigger } from '../../shared/run-triggers/queries.ts'
import { selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'
import { workspace } from '../workspaces/json.ts'

export const runTrigger = defineResource<RunTrigger>({
  type: 'run-triggers',
  id: (t) => t.id,
  attributes: (t) => ({
    'workspace-name': t.workspace_name,
    'sourceable-name': t.source_name,
    'created-at': t.created_at,
  }),
  relationships: (t) => ({
    workspace: toOne('workspaces', t.workspace_id),
    sourceable: toOne('workspaces', t.source_workspace_id),
  }),
  links: (t) => ({ self: `/api/v2/run-triggers/${t.id}` }),
  includes: {
    workspace: async (rows, { app }) => ({
      resource: workspace,
      rows: await selectWorkspaces(
        app.db,
        rows.map((t) => t.workspace_id),
      ),
    }),
    sourceable: async (rows, { app }) => ({
      resource: workspace,
      rows: await selectWorkspaces(
        app.db,
        rows.map((t) => t.source_workspace_id),
      ),
    }),
  },
})
