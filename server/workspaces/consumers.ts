// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces#get-remote-state-consumers
import { z } from 'zod'
import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { problem } from '../../shared/errors.ts'
import {
  addConsumers,
  removeConsumers,
  replaceConsumers,
  selectConsumersPage,
} from '../../shared/workspaces/consumers.ts'
import { many } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { Routes } from '../route.ts'
import { workspaceById } from '../subjects.ts'
import { workspace } from './json.ts'

export const remoteStateConsumers = new Routes('/api/v2')

const path = '/workspaces/:workspace_id/relationships/remote-state-consumers'

remoteStateConsumers.get(path, { action: 'workspace:read', subject: workspaceById }, async (ctx) => {
  const { id, organization_id } = ctx.subject.workspace
  const page = pageOf(ctx)
  const visible = await visibleWorkspaces(ctx.access, organization_id)
  const { rows, totalCount } = await selectConsumersPage(ctx.app.db, id, visible, page)
  await ctx.access.preloadWorkspaces(
    rows.map((w) => ({ organizationId: w.organization_id, projectId: w.project_id, workspaceId: w.id })),
  )
  return many(workspace, rows, ctx, { page, totalCount })
})

const Consumers = z.array(z.object({ id: z.string() })).max(1000)

for (const [method, write] of [
  ['post', addConsumers],
  ['delete', removeConsumers],
  ['patch', replaceConsumers],
] as const) {
  remoteStateConsumers[method](
    path,
    { action: 'workspace:update', subject: workspaceById, plainBody: true, answers: 204 },
    async (ctx) => {
      const parsed = Consumers.safeParse(ctx.input.data)
      if (!parsed.success) throw problem('bad_request', 'A list of at most 1000 workspaces with their ids is expected.')
      const ids = parsed.data.map((w) => w.id)
      await ctx.app.db.transaction(async (tx) => {
        await write(tx, ctx.subject.workspace.id, ids)
      })
    },
  )
}
