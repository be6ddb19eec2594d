// Source: shared/api/surface.tsv (vars), https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspace-variables
import { selectEffectiveVariables } from '../../shared/variables/effective.ts'
import { many } from '../jsonapi/answer.ts'
import { Routes } from '../route.ts'
import { workspaceById } from '../subjects.ts'
import { variable } from './json.ts'
import { variableRoutes } from './routes.ts'

export const variables = new Routes('/api/v2')

variableRoutes(
  variables,
  '/workspaces/:workspace_id/vars',
  workspaceById,
  ({ workspace }) => ({ workspaceId: workspace.id }),
  { read: 'variable:read', manage: 'variable:manage' },
)

/** With those of variable sets, each key once: what a run would see. */
variables.get(
  '/workspaces/:workspace_id/all-vars',
  { action: 'variable:read', subject: workspaceById },
  async (ctx) => {
    const { id, project_id, organization_id } = ctx.subject.workspace
    const rows = await selectEffectiveVariables(ctx.app.db, {
      workspaceId: id,
      projectId: project_id,
      organizationId: organization_id,
    })
    return many(variable, rows, ctx)
  },
)
