// Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/workspaces
import { sql } from '../../db/sql.ts'
import { selectWorkspacesPage } from '../../shared/workspaces/list.ts'
import { deleteWorkspace } from '../../shared/workspaces/workspaces.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { listOf, textOf } from '../jsonapi/query.ts'
import { Routes } from '../route.ts'
import { workspaceById } from '../subjects.ts'
import { workspace } from '../workspaces/json.ts'

export const adminWorkspaces = new Routes('/api/v2/admin')

/** Those with the newest runs first. */
adminWorkspaces.get('/workspaces', { action: 'site:admin' }, async (ctx) => {
  const page = pageOf(ctx)
  const filter = {
    organizationId: null,
    visible: sql.fragment`true`,
    name: textOf(ctx, 'q'),
    currentRunStatuses: [...listOf(ctx, 'filter[current_run][status]'), ...listOf(ctx, 'filter[current-run][status]')],
    sort: textOf(ctx, 'sort')?.replaceAll('_', '-') ?? '-current-run.created-at',
  }
  const { rows, totalCount } = await selectWorkspacesPage(ctx.app.db, filter, page)
  return many(workspace, rows, ctx, { page, totalCount })
})

const byId = '/workspaces/:workspace_id'

adminWorkspaces.get(byId, { action: 'site:admin', subject: workspaceById }, (ctx) =>
  one(workspace, ctx.subject.workspace, ctx),
)

adminWorkspaces.delete(byId, { action: 'site:admin', subject: workspaceById }, async (ctx) => {
  await deleteWorkspace(ctx.app.db, ctx.subject.workspace.id)
})
