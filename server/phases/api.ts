// Source: shared/api/run-lifecycle.md 6, cli-protocol.md 2.4 and 4.3.

import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { type Phase, selectOptionalPhase } from '../../shared/runs/queries.ts'
import { one } from '../jsonapi/answer.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { runScope } from '../runs/json.ts'
import { runById } from '../runs/subject.ts'
import { apply, plan } from './json.ts'

export const phases = new Routes('/api/v2')

interface PhaseSubject extends Subject {
  phase: Phase
}

const phaseById =
  (kind: 'plan' | 'apply') =>
  async (ctx: Context): Promise<PhaseSubject> => {
    const id = ctx.params.id!
    const phase = looksLikeId(id, kind) ? await selectOptionalPhase(ctx.app.db, id) : null
    if (!phase) throw problem('not_found')
    return { phase, scope: runScope(phase) }
  }

const planOfRun = async (ctx: Context): Promise<PhaseSubject> => {
  const { run, scope } = await runById(ctx)
  return { phase: (await selectOptionalPhase(ctx.app.db, run.plan_id))!, scope }
}

phases.get('/plans/:id', { action: 'run:read', subject: phaseById('plan') }, (ctx) => one(plan, ctx.subject.phase, ctx))
phases.get('/applies/:id', { action: 'run:read', subject: phaseById('apply') }, (ctx) =>
  one(apply, ctx.subject.phase, ctx),
)
phases.get('/runs/:run_id/plan', { action: 'run:read', subject: planOfRun }, (ctx) => one(plan, ctx.subject.phase, ctx))

/** 204 while there is no plan JSON: before the plan ended, and for ever when it failed without one. */
async function sendJson(ctx: Context, blobId: string | null): Promise<void> {
  if (!blobId) {
    ctx.koa.status = 204
    return
  }
  ctx.koa.type = 'application/json'
  ctx.koa.body = await ctx.app.blobs.read(blobId)
}

phases.get('/plans/:id/json-output', { action: 'plan:read-json', subject: phaseById('plan') }, (ctx) =>
  sendJson(ctx, ctx.subject.phase.plan_json_blob_id),
)
phases.get('/plans/:id/json-output-redacted', { action: 'run:read', subject: phaseById('plan') }, (ctx) =>
  sendJson(ctx, ctx.subject.phase.plan_json_redacted_blob_id),
)
phases.get('/runs/:run_id/plan/json-output', { action: 'plan:read-json', subject: planOfRun }, (ctx) =>
  sendJson(ctx, ctx.subject.phase.plan_json_blob_id),
)

// The only state an apply can leave behind that was not stored is none: it is uploaded while the apply runs.
phases.get('/applies/:id/errored-state', { action: 'state:read', subject: phaseById('apply') }, async () => {
  throw problem('not_found', 'This apply left no state that was not stored.')
})
