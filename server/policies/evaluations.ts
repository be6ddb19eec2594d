// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/policy-evaluations
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import {
  type Outcome,
  type PolicyEvaluation,
  type PolicySetOutcome,
  selectOptionalPolicyEvaluation,
  selectOptionalPolicySetOutcome,
  selectPolicyEvaluations,
  selectPolicySetOutcomes,
} from '../../shared/policies/evaluations.ts'
import { many, one } from '../jsonapi/answer.ts'
import { textOf } from '../jsonapi/query.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { runScope } from '../runs/json.ts'
import { stageById } from '../tasks/stages-api.ts'
import { policyEvaluation, policySetOutcome } from './evaluation-json.ts'

export const policyEvaluations = new Routes('/api/v2')

policyEvaluations.get(
  '/task-stages/:task_stage_id/policy-evaluations',
  { action: 'run:read', subject: stageById },
  async (ctx) =>
    many(policyEvaluation, await selectPolicyEvaluations(ctx.app.db, ctx.subject.stage.evaluation_ids), ctx),
)

async function evaluationById(ctx: Context): Promise<Subject & { evaluation: PolicyEvaluation }> {
  const id = ctx.params.policy_evaluation_id!
  const evaluation = looksLikeId(id, 'poleval') ? await selectOptionalPolicyEvaluation(ctx.app.db, id) : null
  if (!evaluation) throw problem('not_found')
  return { evaluation, scope: runScope(evaluation) }
}

policyEvaluations.get(
  '/policy-evaluations/:policy_evaluation_id',
  { action: 'run:read', subject: evaluationById },
  (ctx) => one(policyEvaluation, ctx.subject.evaluation, ctx),
)

/** `filter[0][status]=failed&filter[0][enforcement_level]=mandatory&filter[1]…`: an outcome that fits one of them. */
function filtersOf(ctx: Context): { status: string | undefined; level: string | undefined }[] {
  const names = new Set(Object.keys(ctx.query).flatMap((key) => /^filter\[(\w+)\]\[/.exec(key)?.[1] ?? []))
  return [...names].slice(0, 20).map((name) => ({
    status: textOf(ctx, `filter[${name}][status]`),
    level: textOf(ctx, `filter[${name}][enforcement_level]`),
  }))
}

policyEvaluations.get(
  '/policy-evaluations/:policy_evaluation_id/policy-set-outcomes',
  { action: 'run:read', subject: evaluationById },
  async (ctx) => {
    const filters = filtersOf(ctx)
    const fits = (outcome: Outcome) =>
      filters.length === 0 ||
      filters.some(
        (f) =>
          (f.status ?? outcome.status) === outcome.status &&
          (f.level ?? outcome.enforcement_level) === outcome.enforcement_level,
      )
    const all = await selectPolicySetOutcomes(ctx.app.db, ctx.subject.evaluation.id)
    const rows = all.map((row) => ({ ...row, outcomes: row.outcomes.filter(fits) }))
    return many(policySetOutcome, filters.length === 0 ? rows : rows.filter((row) => row.outcomes.length > 0), ctx)
  },
)

async function outcomeById(ctx: Context): Promise<Subject & { outcome: PolicySetOutcome }> {
  const id = ctx.params.policy_set_outcome_id!
  const outcome = looksLikeId(id, 'psout') ? await selectOptionalPolicySetOutcome(ctx.app.db, id) : null
  if (!outcome) throw problem('not_found')
  const { scope } = await evaluationById({ ...ctx, params: { policy_evaluation_id: outcome.policy_evaluation_id } })
  return { outcome, scope }
}

policyEvaluations.get(
  '/policy-set-outcomes/:policy_set_outcome_id',
  { action: 'run:read', subject: outcomeById },
  (ctx) => one(policySetOutcome, ctx.subject.outcome, ctx),
)
