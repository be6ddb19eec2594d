import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'
import { lockRun } from '../runs/transition.ts'
import { settleStage } from '../tasks/settle.ts'
import type { DueSet } from './due-sets.ts'
import type { Counts, Outcome, PolicyEvaluation } from './evaluations.ts'

export interface SetResult {
  set: DueSet
  error: string
  outcomes: Outcome[]
}

const countsOf = (outcomes: readonly Outcome[]): Counts => {
  const count = (fits: (o: Outcome) => boolean) => outcomes.filter(fits).length
  return {
    passed: count((o) => o.status === 'passed'),
    advisory_failed: count((o) => o.status === 'failed' && o.enforcement_level === 'advisory'),
    mandatory_failed: count((o) => o.status === 'failed' && o.enforcement_level === 'mandatory'),
    errored: count((o) => o.status === 'errored'),
  }
}

/** A policy that must hold and could not be evaluated is not held to. */
const blocks = (result: SetResult): boolean =>
  result.outcomes.some((o) => o.enforcement_level === 'mandatory' && o.status !== 'passed')

/** What was never evaluated (Sentinel) is nothing that somebody could judge: only failures of OPA are overridden. */
const isOverridable = ({ set, outcomes }: SetResult): boolean =>
  set.overridable &&
  set.policies.every((policy, n) => outcomes[n]!.status !== 'errored' || policy.enforcement_level === 'advisory')

/** Keeps what came of the policies and settles the stage, in one transaction. */
export const finishEvaluation = (
  app: App,
  evaluation: PolicyEvaluation,
  result: { version: string; error: string; sets: SetResult[] },
): Promise<void> =>
  app.db.transaction(async (tx) => {
    await lockRun(tx, evaluation.run_id)
    const counts = countsOf(result.sets.flatMap((set) => set.outcomes))
    const status = counts.errored > 0 ? 'errored' : counts.mandatory_failed > 0 ? 'failed' : 'passed'
    const blocking = result.sets.filter(blocks)
    const finished = await tx.maybeOne(sql.type(z.object({ id: z.string() }))`
      update policy_evaluations
      set status = ${status}, policy_tool_version = ${result.version}, passed = ${counts.passed},
        advisory_failed = ${counts.advisory_failed}, mandatory_failed = ${counts.mandatory_failed},
        errored = ${counts.errored}, error = ${result.error}, blocks = ${blocking.length > 0},
        overridable = ${blocking.length > 0 && blocking.every(isOverridable)}, updated_at = now(),
        status_timestamps = status_timestamps || jsonb_build_object(${`${status}-at`}::text, ${app.now().toISOString()}::text)
      where id = ${evaluation.id} and status = 'running'
      returning id`)
    // the run ended meanwhile, or another delivery of the job was faster
    if (!finished) return
    for (const { set, error, outcomes } of result.sets) {
      await tx.query(sql.void`
        insert into policy_set_outcomes (id, policy_evaluation_id, policy_set_name, policy_set_description, overridable,
          error, outcomes, result_count, created_at)
        values (${newId('psout')}, ${evaluation.id}, ${set.name}, ${set.description}, ${set.overridable}, ${error},
          ${sql.jsonb(outcomes as never)}, ${sql.jsonb(countsOf(outcomes) as never)}, clock_timestamp())`)
    }
    await settleStage(app, tx, evaluation.run_id, evaluation.task_stage_id)
  })
