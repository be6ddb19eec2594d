import type { App } from '../../shared/app.ts'
import type { RankedVariable } from '../../shared/variables/effective.ts'
import { selectVariableStack } from '../../shared/variables/effective.ts'
import { openValue } from '../../shared/variables/variables.ts'
import { PageRoutes } from '../page-route.ts'
import { workspaceByName } from '../subjects.ts'
import { variableForms } from './forms.ts'

export const variablePages = new PageRoutes()

const path = '/app/:organization_name/workspaces/:workspace_name/variables'
const VALUE_SHOWN = 300

/** A value as lists show it: short, and never a sensitive one. */
export function shownValue(app: App, v: Pick<RankedVariable, 'id' | 'value' | 'sensitive'>): string | null {
  if (v.sensitive) return null
  const text = openValue(app, v)
  return text.length > VALUE_SHOWN ? `${text.slice(0, VALUE_SHOWN)}…` : text
}

variablePages.get(path, { action: 'variable:read', subject: workspaceByName }, async (ctx) => {
  const { app, subject } = ctx
  const { workspace } = subject
  const stack = await selectVariableStack(app.db, {
    workspaceId: workspace.id,
    projectId: workspace.project_id,
    organizationId: workspace.organization_id,
  })
  const shown = (v: RankedVariable) => ({ ...v, text: shownValue(app, v) })
  const rows = stack.map(({ winner, overridden }) => ({ ...shown(winner), overridden: overridden.map(shown) }))
  await ctx.render('variables/list', {
    workspace,
    terraform: rows.filter((v) => v.category === 'terraform'),
    env: rows.filter((v) => v.category === 'env'),
  })
})

variableForms(variablePages, path, workspaceByName, {
  ownerOf: ({ workspace }) => ({ workspaceId: workspace.id }),
  manage: 'variable:manage',
  listPath: ({ workspace: w }) => `/app/${w.organization_name}/workspaces/${w.name}/variables`,
  nameOf: ({ workspace }) => `workspace ${workspace.name}`,
  locals: ({ workspace }) => ({ workspace, varset: null }),
})
