import type { App } from '../../shared/app.ts'
import type { RankedVariable } from '../../shared/variables/effective.ts'
import { selectVariableStack } from '../../shared/variables/effective.ts'
import { importTfvars, readTfvars } from '../../shared/variables/tfvars.ts'
import { openValue } from '../../shared/variables/variables.ts'
import { orDrawAgain } from '../form-error.ts'
import { PageRoutes } from '../page-route.ts'
import { workspaceByName } from '../subjects.ts'
import { counted } from '../words.ts'
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

const importPath = `${path}/import`
const importOptions = { action: 'variable:manage', subject: workspaceByName } as const

variablePages.get(importPath, importOptions, (ctx) =>
  ctx.render('variables/import', { workspace: ctx.subject.workspace, text: '', error: null }),
)

variablePages.post(importPath, importOptions, async (ctx) => {
  const { app, form, session, subject } = ctx
  const { workspace: w } = subject
  const text = form.text('text')
  await orDrawAgain(
    ctx,
    async () => {
      const assignments = await readTfvars(text)
      const { created, updated } = await app.db.transaction((tx) =>
        importTfvars(app, tx, { workspaceId: w.id }, assignments, session!.user_id),
      )
      ctx.redirect(`/app/${w.organization_name}/workspaces/${w.name}/variables`, {
        tone: 'green',
        text: `Imported: ${counted(created, 'new variable')}, ${updated} changed. The next run uses them.`,
      })
    },
    (error) => ctx.render('variables/import', { workspace: w, text, error: { field: 'text', text: error.text } }),
  )
})

variableForms(variablePages, path, workspaceByName, {
  ownerOf: ({ workspace }) => ({ workspaceId: workspace.id }),
  manage: 'variable:manage',
  listPath: ({ workspace: w }) => `/app/${w.organization_name}/workspaces/${w.name}/variables`,
  nameOf: ({ workspace }) => `workspace ${workspace.name}`,
  locals: ({ workspace }) => ({ workspace, varset: null }),
})
