import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

export const EvaluationRow = z.object({
  id: z.string(),
  task_stage_id: z.string(),
  run_id: z.string(),
  policy_kind: z.enum(['opa', 'sentinel']),
  policy_tool_version: z.string(),
  policy_set_ids: z.array(z.string()),
  status: z.string(),
  status_timestamps: z.record(z.string(), z.string()),
  passed: z.number(),
  advisory_failed: z.number(),
  mandatory_failed: z.number(),
  errored: z.number(),
  error: z.string(),
  created_at: z.date(),
  updated_at: z.date(),
  organization_id: z.string(),
  project_id: z.string(),
  workspace_id: z.string(),
  outcome_ids: z.array(z.string()),
})
export type PolicyEvaluation = z.output<typeof EvaluationRow>

const columns = sql.fragment`
  e.id, e.task_stage_id, s.run_id, e.policy_kind, e.policy_tool_version, e.policy_set_ids, e.status, e.status_timestamps,
  e.passed, e.advisory_failed, e.mandatory_failed, e.errored, e.error, e.created_at, e.updated_at, r.organization_id,
  w.project_id, r.workspace_id,
  array(
    select x.id from policy_set_outcomes x
    where x.policy_evaluation_id = e.id order by x.created_at, x.id) as outcome_ids`
const tables = sql.fragment`
  policy_evaluations e
  join task_stages s on s.id = e.task_stage_id
  join runs r on r.id = s.run_id
  join workspaces w on w.id = r.workspace_id
  join organizations o on o.id = r.organization_id and o.deleted_at is null`

export const selectOptionalPolicyEvaluation = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(EvaluationRow)`
    select ${columns}
    from ${tables}
    where e.id = ${id}`)

export const selectPolicyEvaluations = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(EvaluationRow)`
    select ${columns}
    from ${tables}
    where e.id = any(${sql.array([...ids], 'text')})
    order by e.policy_kind`)

const Outcome = z.object({
  policy_name: z.string(),
  description: z.string(),
  query: z.string(),
  enforcement_level: z.enum(['advisory', 'mandatory']),
  status: z.enum(['passed', 'failed', 'errored']),
})
export type Outcome = z.output<typeof Outcome>

export const Counts = z.object({
  passed: z.number(),
  advisory_failed: z.number(),
  mandatory_failed: z.number(),
  errored: z.number(),
})
export type Counts = z.output<typeof Counts>

export const SetOutcomeRow = z.object({
  id: z.string(),
  policy_evaluation_id: z.string(),
  policy_set_name: z.string(),
  policy_set_description: z.string(),
  overridable: z.boolean(),
  error: z.string(),
  outcomes: z.array(Outcome),
  result_count: Counts,
})
export type PolicySetOutcome = z.output<typeof SetOutcomeRow>

const outcomeColumns = sql.fragment`
  x.id, x.policy_evaluation_id, x.policy_set_name, x.policy_set_description, x.overridable, x.error, x.outcomes, x.result_count`

export const selectPolicySetOutcomes = (tx: Tx, evaluationId: string) =>
  tx.any(sql.type(SetOutcomeRow)`
    select ${outcomeColumns}
    from policy_set_outcomes x
    where x.policy_evaluation_id = ${evaluationId}
    order by x.created_at, x.id`)

export const selectOutcomesOfEvaluations = (tx: Tx, evaluationIds: readonly string[]) =>
  tx.any(sql.type(SetOutcomeRow)`
    select ${outcomeColumns}
    from policy_set_outcomes x
    where x.policy_evaluation_id = any(${sql.array([...evaluationIds], 'text')})
    order by x.created_at, x.id`)

export const selectOptionalPolicySetOutcome = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(SetOutcomeRow)`
    select ${outcomeColumns}
    from policy_set_outcomes x
    where x.id = ${id}`)
