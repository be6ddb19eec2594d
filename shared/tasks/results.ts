import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { stages } from '../runs/stages.ts'
import { lockRun } from '../runs/transition.ts'
import { settleStage } from './settle.ts'

export const TaskResultRow = z.object({
  id: z.string(),
  task_stage_id: z.string(),
  run_id: z.string(),
  task_id: z.string().nullable(),
  workspace_task_id: z.string().nullable(),
  task_name: z.string(),
  task_url: z.string(),
  enforcement_level: z.enum(['advisory', 'mandatory']),
  status: z.enum(['pending', 'running', 'passed', 'failed', 'errored', 'canceled', 'unreachable']),
  status_timestamps: z.record(z.string(), z.string()),
  message: z.string(),
  url: z.string(),
  created_at: z.date(),
  updated_at: z.date(),
  stage: z.enum(stages),
  plan_only: z.boolean(),
  organization_id: z.string(),
  project_id: z.string(),
  workspace_id: z.string(),
  outcome_ids: z.array(z.string()),
})
export type TaskResult = z.output<typeof TaskResultRow>

const columns = sql.fragment`
  x.id, x.task_stage_id, x.run_id, x.task_id, x.workspace_task_id, x.task_name, x.task_url, x.enforcement_level, x.status,
  x.status_timestamps, x.message, x.url, x.created_at, x.updated_at, s.stage, r.plan_only, r.organization_id,
  w.project_id, r.workspace_id,
  array(
    select t.id from task_result_outcomes t
    where t.task_result_id = x.id order by t.created_at, t.id) as outcome_ids`
const tables = sql.fragment`
  task_results x
  join task_stages s on s.id = x.task_stage_id
  join runs r on r.id = x.run_id
  join workspaces w on w.id = r.workspace_id
  join organizations o on o.id = r.organization_id and o.deleted_at is null`

export const selectOptionalTaskResult = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TaskResultRow)`
    select ${columns}
    from ${tables}
    where x.id = ${id}`)

export const selectTaskResults = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(TaskResultRow)`
    select ${columns}
    from ${tables}
    where x.id = any(${sql.array([...ids], 'text')})
    order by x.created_at, x.id`)

export const OutcomeInput = z.object({
  'outcome-id': z.string().max(1000).nullish(),
  description: z.string().max(10_000).nullish(),
  body: z.string().max(1_000_000).nullish(),
  url: z.string().max(2048).nullish(),
  tags: z.record(z.string(), z.array(z.object({ label: z.string(), level: z.string().nullish() }))).nullish(),
})
export type OutcomeInput = z.output<typeof OutcomeInput>

export interface Verdict {
  status: 'running' | 'passed' | 'failed' | 'errored'
  message?: string | undefined
  url?: string | undefined
  outcomes?: OutcomeInput[] | undefined
}

const MAX_OUTCOMES = 500

/**
 * What a task says, or what is said in its place when it does not answer. The first final verdict counts: the same
 * again is harmless, another one is refused.
 * @throws problem 'conflict' when the result, its stage or its run has ended otherwise
 */
export const giveVerdict = (app: App, result: { id: string; run_id: string }, verdict: Verdict): Promise<void> =>
  app.db.transaction(async (tx) => {
    const run = await lockRun(tx, result.run_id)
    const before = await tx.one(sql.type(
      z.object({ status: z.string(), stage_status: z.string(), task_stage_id: z.string() }),
    )`
      select x.status, s.status as stage_status, x.task_stage_id
      from task_results x
      join task_stages s on s.id = x.task_stage_id
      where x.id = ${result.id}`)
    if (before.status !== 'pending' && before.status !== 'running') {
      if (before.status === verdict.status) return
      throw problem('conflict', `The task result is ${before.status} already.`)
    }
    if (before.stage_status !== 'running') throw problem('conflict', `The stage is ${before.stage_status}.`)
    const at = app.now().toISOString()
    await tx.query(sql.void`
      update task_results
      set status = ${verdict.status}, message = coalesce(${verdict.message ?? null}, message),
        url = coalesce(${verdict.url ?? null}, url), updated_at = now(),
        status_timestamps = jsonb_build_object(${`${verdict.status}-at`}::text, ${at}::text) || status_timestamps
      where id = ${result.id}`)
    await keepOutcomes(tx, result.id, verdict.outcomes ?? [])
    if (verdict.status !== 'running') await settleStage(app, tx, run.id, before.task_stage_id)
  })

/** Those of an id that was told before are replaced. */
async function keepOutcomes(tx: Tx, resultId: string, outcomes: OutcomeInput[]): Promise<void> {
  if (outcomes.length > MAX_OUTCOMES) throw invalid('outcomes', `Outcomes are too many (maximum is ${MAX_OUTCOMES})`)
  for (const outcome of outcomes) {
    const outcomeId = outcome['outcome-id'] ?? ''
    await tx.query(sql.void`
      delete from task_result_outcomes
      where task_result_id = ${resultId} and outcome_id = ${outcomeId} and outcome_id <> ''`)
    await tx.query(sql.void`
      insert into task_result_outcomes (id, task_result_id, outcome_id, description, body, url, tags, created_at)
      values (${newId('taskrsoc')}, ${resultId}, ${outcomeId}, ${outcome.description ?? ''}, ${outcome.body ?? ''},
        ${outcome.url ?? ''}, ${sql.jsonb((outcome.tags ?? {}) as never)}, clock_timestamp())`)
  }
}

export const TaskOutcomeRow = z.object({
  id: z.string(),
  task_result_id: z.string(),
  outcome_id: z.string(),
  description: z.string(),
  body: z.string(),
  url: z.string(),
  tags: z.record(z.string(), z.unknown()),
  created_at: z.date(),
})
export type TaskOutcome = z.output<typeof TaskOutcomeRow>

const outcomeColumns = sql.fragment`t.id, t.task_result_id, t.outcome_id, t.description, t.body, t.url, t.tags, t.created_at`

export const selectTaskOutcomes = (tx: Tx, resultIds: readonly string[]) =>
  tx.any(sql.type(TaskOutcomeRow)`
    select ${outcomeColumns}
    from task_result_outcomes t
    where t.task_result_id = any(${sql.array([...resultIds], 'text')})
    order by t.created_at, t.id`)

const ShortOutcomeRow = TaskOutcomeRow.omit({ created_at: true }).extend({ is_cut: z.boolean() })

/** The first outcomes of each of the results, the beginning of their bodies: what a page shows of them. */
export const selectShortOutcomes = (tx: Tx, resultIds: readonly string[], most: { rows: number; characters: number }) =>
  tx.any(sql.type(ShortOutcomeRow)`
    select t.id, t.task_result_id, t.outcome_id, t.description, left(t.body, ${most.characters}) as body, t.url, t.tags,
      length(t.body) > ${most.characters} as is_cut
    from task_result_outcomes t
    where t.task_result_id = any(${sql.array([...resultIds], 'text')})
    order by t.created_at, t.id
    limit ${most.rows}`)

export const selectOptionalTaskOutcome = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TaskOutcomeRow)`
    select ${outcomeColumns}
    from task_result_outcomes t
    where t.id = ${id}`)
