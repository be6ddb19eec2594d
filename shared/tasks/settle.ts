import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { notify } from '../live.ts'
import { lockRun, transition } from '../runs/transition.ts'
import { setStage } from './stages.ts'

const PartRow = z.object({
  name: z.string(),
  status: z.string(),
  mandatory: z.boolean(),
  overridable: z.boolean(),
  message: z.string(),
})

/**
 * Looks whether everybody of a running stage has answered; if so the stage ends and the run goes on, in the caller's
 * transaction. The caller holds the lock of the run (lockRun), so that of two last answers one sees both.
 */
export async function settleStage(app: App, tx: Tx, runId: string, stageId: string): Promise<void> {
  const stage = await tx.one(sql.type(z.object({ status: z.string(), stage: z.string() }))`
    select status, stage
    from task_stages
    where id = ${stageId}`)
  if (stage.status !== 'running') return
  const parts = await tx.any(sql.type(PartRow)`
    select task_name as name, status, enforcement_level = 'mandatory' as mandatory, false as overridable, message
    from task_results
    where task_stage_id = ${stageId}
    union all
    select 'policies (' || policy_kind || ')', case when blocks or status in ('pending', 'running') then status else 'passed' end,
      true, overridable, error
    from policy_evaluations
    where task_stage_id = ${stageId}`)
  if (parts.some((part) => part.status === 'pending' || part.status === 'running')) return
  const bad = parts.filter((part) => part.mandatory && part.status !== 'passed')
  const at = app.now().toISOString()
  const run = await lockRun(tx, runId)
  await notify(tx, `run:${runId}`, stage.stage)
  if (bad.length === 0 || stage.stage === 'post_apply') {
    await setStage(tx, stageId, bad.length === 0 ? 'passed' : 'failed', at)
    await transition(app, tx, run, 'stage-passed')
    return
  }
  const reason = `Mandatory checks of the stage ${stage.stage.replace('_', '-')} did not pass: ${bad
    .map((part) => part.name + (part.message ? ` (${part.message.slice(0, 200)})` : ''))
    .join(', ')
    .slice(0, 1000)}.`
  const held = bad.every((part) => part.overridable) && !run.plan_only
  const failed = bad.some((part) => part.status === 'failed') ? 'failed' : 'errored'
  await setStage(tx, stageId, held ? 'awaiting_override' : failed, at)
  if (held) await transition(app, tx, run, 'stage-held')
  else await transition(app, tx, run, 'stage-failed', { reason })
}

/** Somebody lets the run go on although policies failed. @throws problem 'transition_not_allowed' */
export const overrideStage = (
  app: App,
  stage: { id: string; run_id: string },
  by: { userId: string | null; comment?: string | undefined },
): Promise<void> =>
  app.db.transaction(async (tx) => {
    const run = await lockRun(tx, stage.run_id)
    const { status } = await tx.one(sql.type(z.object({ status: z.string() }))`
      select status
      from task_stages
      where id = ${stage.id}`)
    if (status !== 'awaiting_override')
      throw problem('transition_not_allowed', `The stage is ${status}: there is nothing to override.`)
    await setStage(tx, stage.id, 'passed', app.now().toISOString())
    await tx.query(sql.void`
      update policy_evaluations
      set status = 'overridden', updated_at = now()
      where task_stage_id = ${stage.id} and blocks`)
    await transition(app, tx, run, 'override', { by: by.userId })
    if (!by.comment) return
    await tx.query(sql.void`
      insert into comments (id, run_id, body, created_by)
      values (${newId('wsc')}, ${stage.run_id}, ${by.comment}, ${by.userId})`)
  })
