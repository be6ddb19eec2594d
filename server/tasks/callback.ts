// What run tasks call. They prove themselves with the token of their own request, which nothing else takes.
// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration
import { z } from 'zod'
import { selectOptionalConfiguration } from '../../shared/configurations/queries.ts'
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { selectOptionalPhase, selectRun } from '../../shared/runs/queries.ts'
import { giveVerdict, OutcomeInput, selectOptionalTaskResult, type TaskResult } from '../../shared/tasks/results.ts'
import { isTaskToken } from '../../shared/tasks/token.ts'
import { downloadConfiguration } from '../configurations/api.ts'
import { one } from '../jsonapi/answer.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { taskResult } from './stage-json.ts'

export const taskCallbacks = new Routes('/api/v2')

async function provenResult(ctx: Context): Promise<Subject & { result: TaskResult }> {
  const id = ctx.params.task_result_id!
  const token = /^Bearer\s+(\S+)$/i.exec(ctx.koa.get('authorization'))?.[1] ?? ''
  if (!isTaskToken(ctx.app, token, id)) throw problem('unauthorized')
  const result = looksLikeId(id, 'taskrs') ? await selectOptionalTaskResult(ctx.app.db, id) : null
  if (!result) throw problem('not_found')
  return { result, scope: {} }
}

const Callback = z.object({
  status: z.enum(['running', 'passed', 'failed'], 'must be running, passed or failed'),
  message: z.string().max(10_000, 'is too long').nullish(),
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .max(2048)
    .or(z.literal(''))
    .nullish(),
})

const MAX_BODY = 5 * 1024 * 1024

taskCallbacks.patch(
  '/task-results/:task_result_id/callback',
  { action: 'public:read', subject: provenResult, attributes: Callback, maxBodyBytes: MAX_BODY },
  async (ctx) => {
    const { app, input } = ctx
    const { result } = ctx.subject
    const outcomes = (input.relatedList('outcomes') ?? []).map((item) => {
      const parsed = OutcomeInput.safeParse(item.attributes ?? {})
      if (!parsed.success) throw problem('invalid_attribute', 'An outcome cannot be read.')
      return parsed.data
    })
    const { status, message, url } = input.attributes
    await giveVerdict(app, result, { status, message: message ?? undefined, url: url ?? undefined, outcomes })
    return one(taskResult, (await selectOptionalTaskResult(app.db, result.id))!, ctx)
  },
)

taskCallbacks.get(
  '/task-results/:task_result_id/plan-json',
  { action: 'public:read', subject: provenResult },
  async (ctx) => {
    const { plan_id } = await selectRun(ctx.app.db, ctx.subject.result.run_id)
    const blobId = (await selectOptionalPhase(ctx.app.db, plan_id))?.plan_json_blob_id
    if (!blobId) throw problem('not_found', 'The plan has no JSON.')
    ctx.koa.type = 'application/json'
    ctx.koa.body = await ctx.app.blobs.read(blobId)
  },
)

taskCallbacks.get(
  '/task-results/:task_result_id/configuration',
  { action: 'public:read', subject: provenResult },
  async (ctx) => {
    const { configuration_version_id } = await selectRun(ctx.app.db, ctx.subject.result.run_id)
    const configuration = await selectOptionalConfiguration(ctx.app.db, configuration_version_id ?? '')
    if (!configuration) throw problem('not_found')
    await downloadConfiguration(ctx, configuration)
  },
)
