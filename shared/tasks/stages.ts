import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { notify } from '../live.ts'
import { type Stage, stages } from '../runs/stages.ts'

const Stamps = z.record(z.string(), z.string())

export const TaskStageRow = z.object({
  id: z.string(),
  run_id: z.string(),
  stage: z.enum(stages),
  status: z.enum(['pending', 'running', 'passed', 'failed', 'awaiting_override', 'errored', 'canceled', 'unreachable']),
  status_timestamps: Stamps,
  created_at: z.date(),
  updated_at: z.date(),
  organization_id: z.string(),
  project_id: z.string(),
  workspace_id: z.string(),
  result_ids: z.array(z.string()),
  evaluation_ids: z.array(z.string()),
})
export type TaskStage = z.output<typeof TaskStageRow>

const columns = sql.fragment`
  s.id, s.run_id, s.stage, s.status, s.status_timestamps, s.created_at, s.updated_at, r.organization_id, w.project_id,
  r.workspace_id,
  array(select x.id from task_results x where x.task_stage_id = s.id order by x.created_at, x.id) as result_ids,
  array(
    select e.id from policy_evaluations e
    where e.task_stage_id = s.id order by e.policy_kind) as evaluation_ids`
const tables = sql.fragment`
  task_stages s
  join runs r on r.id = s.run_id
  join workspaces w on w.id = r.workspace_id
  join organizations o on o.id = r.organization_id and o.deleted_at is null`

export const selectOptionalTaskStage = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TaskStageRow)`
    select ${columns}
    from ${tables}
    where s.id = ${id}`)

export const selectTaskStages = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(TaskStageRow)`
    select ${columns}
    from ${tables}
    where s.id = any(${sql.array([...ids], 'text')})
    order by array_position(${sql.array([...stages], 'text')}, s.stage)`)

export const setStage = (tx: Tx, id: string, status: TaskStage['status'], at: string) =>
  tx.query(sql.void`
    update task_stages
    set status = ${status}, updated_at = now(),
      status_timestamps = status_timestamps || jsonb_build_object(${`${status.replaceAll('_', '-')}-at`}::text, ${at}::text)
    where id = ${id}`)

const IdRow = z.object({ id: z.string() })

/** Asks everybody whom the run's stage depends on: one job each, in the transaction of the status. */
export async function startStage(app: App, tx: Tx, runId: string, stage: Stage): Promise<void> {
  const { id } = await tx.one(sql.type(IdRow)`
    select id
    from task_stages
    where run_id = ${runId} and stage = ${stage}`)
  await setStage(tx, id, 'running', app.now().toISOString())
  const results = await tx.any(sql.type(IdRow)`select id from task_results where task_stage_id = ${id}`)
  for (const result of results) await app.queue.send(tx, 'run-task', { taskResultId: result.id })
  const evaluations = await tx.any(sql.type(IdRow)`
    update policy_evaluations
    set status = 'running', updated_at = now(),
      status_timestamps = status_timestamps || jsonb_build_object('running-at', ${app.now().toISOString()}::text)
    where task_stage_id = ${id}
    returning id`)
  for (const evaluation of evaluations)
    await app.queue.send(tx, 'policy-evaluation', { policyEvaluationId: evaluation.id })
  await notify(tx, `run:${runId}`, stage)
}

/** The run is over: what was not asked never will be, and what has not answered need not. */
export async function endStages(tx: Tx, runId: string, at: string): Promise<void> {
  for (const table of ['task_stages', 'task_results', 'policy_evaluations'] as const) {
    const ofRun =
      table === 'policy_evaluations'
        ? sql.fragment`task_stage_id in (select id from task_stages where run_id = ${runId})`
        : sql.fragment`run_id = ${runId}`
    await tx.query(sql.void`
      update ${sql.identifier([table])}
      set status = case when status = 'pending' then 'unreachable' else 'canceled' end, updated_at = now(),
        status_timestamps = status_timestamps || jsonb_build_object(
          case when status = 'pending' then 'unreachable-at' else 'canceled-at' end, ${at}::text)
      where ${ofRun} and status in ('pending', 'running', 'awaiting_override')`)
  }
}
