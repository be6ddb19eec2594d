// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-task-stages-and-results
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import {
  selectOptionalTaskOutcome,
  selectOptionalTaskResult,
  selectTaskOutcomes,
  type TaskOutcome,
  type TaskResult,
} from '../../shared/tasks/results.ts'
import { overrideStage } from '../../shared/tasks/settle.ts'
import { selectOptionalTaskStage, selectTaskStages, type TaskStage } from '../../shared/tasks/stages.ts'
import { many, one } from '../jsonapi/answer.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { runScope } from '../runs/json.ts'
import { runById } from '../runs/subject.ts'
import { taskOutcome, taskResult, taskStage } from './stage-json.ts'

export const taskStages = new Routes('/api/v2')

export async function stageById(ctx: Context): Promise<Subject & { stage: TaskStage }> {
  const id = ctx.params.task_stage_id!
  const stage = looksLikeId(id, 'ts') ? await selectOptionalTaskStage(ctx.app.db, id) : null
  if (!stage) throw problem('not_found')
  return { stage, scope: runScope(stage) }
}

async function resultById(ctx: Context): Promise<Subject & { result: TaskResult }> {
  const id = ctx.params.task_result_id!
  const result = looksLikeId(id, 'taskrs') ? await selectOptionalTaskResult(ctx.app.db, id) : null
  if (!result) throw problem('not_found')
  return { result, scope: runScope(result) }
}

taskStages.get('/runs/:run_id/task-stages', { action: 'run:read', subject: runById }, async (ctx) =>
  many(taskStage, await selectTaskStages(ctx.app.db, ctx.subject.run.task_stage_ids), ctx),
)

taskStages.get('/task-stages/:task_stage_id', { action: 'run:read', subject: stageById }, (ctx) =>
  one(taskStage, ctx.subject.stage, ctx),
)

const Body = z.object({ comment: z.string().max(20_000).nullish() })

taskStages.post(
  '/task-stages/:task_stage_id/actions/override',
  { action: 'run:override-policy', subject: stageById, plainBody: true, answers: 200 },
  async (ctx) => {
    const { app, actor, input, subject } = ctx
    const body = Body.safeParse(input.raw ?? {})
    if (!body.success) throw problem('bad_request', 'The body is {} or {"comment": "…"}.')
    await overrideStage(app, subject.stage, { userId: userIdOf(actor), comment: body.data.comment || undefined })
    return one(taskStage, (await selectOptionalTaskStage(app.db, subject.stage.id))!, ctx)
  },
)

taskStages.get('/task-results/:task_result_id', { action: 'run:read', subject: resultById }, (ctx) =>
  one(taskResult, ctx.subject.result, ctx),
)

taskStages.get('/task-results/:task_result_id/outcomes', { action: 'run:read', subject: resultById }, async (ctx) =>
  many(taskOutcome, await selectTaskOutcomes(ctx.app.db, [ctx.subject.result.id]), ctx),
)

taskStages.get('/task-results/:task_result_id/body', { action: 'run:read', subject: resultById }, async (ctx) => {
  const outcomes = await selectTaskOutcomes(ctx.app.db, [ctx.subject.result.id])
  ctx.koa.type = 'text/plain'
  ctx.koa.body = outcomes.map((outcome) => outcome.body).join('\n')
})

async function outcomeById(ctx: Context): Promise<Subject & { outcome: TaskOutcome }> {
  const id = ctx.params.task_result_outcome_id!
  const outcome = looksLikeId(id, 'taskrsoc') ? await selectOptionalTaskOutcome(ctx.app.db, id) : null
  if (!outcome) throw problem('not_found')
  const { scope } = await resultById({ ...ctx, params: { task_result_id: outcome.task_result_id } })
  return { outcome, scope }
}

taskStages.get('/task-result-outcomes/:task_result_outcome_id', { action: 'run:read', subject: outcomeById }, (ctx) =>
  one(taskOutcome, ctx.subject.outcome, ctx),
)
