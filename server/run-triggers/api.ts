// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-triggers
import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import {
  type RunTrigger,
  selectOptionalRunTrigger,
  selectRunTrigger,
  selectRunTriggersPage,
} from '../../shared/run-triggers/queries.ts'
import { createRunTrigger, deleteRunTrigger } from '../../shared/run-triggers/run-triggers.ts'
import { selectOptionalWorkspaceById } from '../../shared/workspaces/queries.ts'
import { many, one } from '../jsonapi/answer.ts'
import { includePaths } from '../jsonapi/include.ts'
import { pageOf } from '../jsonapi/page.ts'
import { textOf } from '../jsonapi/query.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { inWorkspace, workspaceById } from '../subjects.ts'
import { workspaceScope } from '../workspaces/json.ts'
import { runTrigger } from './json.ts'

export const runTriggers = new Routes('/api/v2')

const ofWorkspace = '/workspaces/:workspace_id/run-triggers'

runTriggers.get(ofWorkspace, { action: 'workspace:read', subject: workspaceById }, async (ctx) => {
  const { app, access, subject } = ctx
  const direction = textOf(ctx, 'filter[run-trigger][type]')
  if (direction !== 'inbound' && direction !== 'outbound')
    throw problem('bad_request', 'filter[run-trigger][type] must be inbound or outbound.')
  const page = pageOf(ctx)
  const visible = await visibleWorkspaces(access, subject.workspace.organization_id)
  const { rows, totalCount } = await selectRunTriggersPage(app.db, subject.workspace.id, direction, visible, page)
  return many(runTrigger, rows, ctx, { page, totalCount })
})

runTriggers.post(
  ofWorkspace,
  { action: 'workspace:update', subject: workspaceById, plainBody: true, answers: 201 },
  async (ctx) => {
    const { app, access, input, subject } = ctx
    const sourceId = input.relatedId('sourceable')
    if (!sourceId) throw invalid('sourceable', 'The relationship sourceable is required: the source workspace.')
    const source = await selectOptionalWorkspaceById(app.db, sourceId)
    // what starts a run here shows in its message: the source's runs must be readable to whoever connects them
    if (!source || !(await access.may('run:read', workspaceScope(source))))
      throw invalid('sourceable', `Workspace ${sourceId} does not exist, or you may not read its runs.`)
    const created = await app.db.transaction(async (tx) =>
      selectRunTrigger(tx, await createRunTrigger(tx, subject.workspace, source)),
    )
    return one(runTrigger, created, ctx)
  },
)

async function runTriggerById(ctx: Context): Promise<Subject & { trigger: RunTrigger }> {
  const id = ctx.params.run_trigger_id!
  const trigger = looksLikeId(id, 'rt') ? await selectOptionalRunTrigger(ctx.app.db, id) : null
  if (!trigger) throw problem('not_found')
  return { trigger, scope: inWorkspace(trigger) }
}

runTriggers.get('/run-triggers/:run_trigger_id', { action: 'workspace:read', subject: runTriggerById }, async (ctx) => {
  const { trigger } = ctx.subject
  if (includePaths(ctx).includes('sourceable')) await requireVisible(ctx, trigger.source_workspace_id)
  return one(runTrigger, trigger, ctx)
})

async function requireVisible(ctx: Context, workspaceId: string): Promise<void> {
  const workspace = await selectOptionalWorkspaceById(ctx.app.db, workspaceId)
  if (!workspace || !(await ctx.access.may('workspace:read', workspaceScope(workspace)))) throw problem('not_found')
}

runTriggers.delete(
  '/run-triggers/:run_trigger_id',
  { action: 'workspace:update', subject: runTriggerById },
  async (ctx) => {
    await deleteRunTrigger(ctx.app.db, ctx.subject.trigger.id)
  },
)
