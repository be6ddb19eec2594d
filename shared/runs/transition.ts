import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { isSubscribed, notifyOfRun } from '../notifications/fire.ts'
import { doubtState, settleDoubt } from '../states/doubt.ts'
import { endStages, startStage } from '../tasks/stages.ts'
import { dispatchHeldBack, enqueuePhase, mayHoldBack } from './dispatch.ts'
import {
  findRow,
  holdsWorkspace,
  isFinal,
  type LifecycleRow,
  type RunEvent,
  type RunFacts,
  type RunStatus,
  statuses,
} from './lifecycle.ts'
import { recordTransition } from './record.ts'
import { type Stage, stages } from './stages.ts'
import { promoteNext } from './workspace-queue.ts'

const LockedRow = z.object({
  id: z.string(),
  workspace_id: z.string(),
  organization_id: z.string(),
  status: z.enum(statuses),
  plan_only: z.boolean(),
  save_plan: z.boolean(),
  auto_apply: z.boolean(),
  allow_empty_apply: z.boolean(),
  has_changes: z.boolean(),
  stop_wish: z.enum(['cancel', 'force']).nullable(),
  stop_reason: z.string().nullable(),
  force_cancel_available: z.boolean(),
  execution_mode: z.string(),
  agent_pool_id: z.string().nullable(),
  finished_at: z.date().nullable(),
  stages: z.array(z.enum(stages)),
  /** somebody wishes to be told of the workspace's runs */
  is_subscribed: z.boolean(),
  /** phases of the organization may be held back by a limit */
  is_limited: z.boolean(),
})
export type LockedRun = z.output<typeof LockedRow>

/**
 * Locks the run's workspace, then the run: always in this order, so that a promotion and a transition cannot
 * wait for each other.
 * @throws problem 'not_found'
 */
export async function lockRun(tx: Tx, runId: string): Promise<LockedRun> {
  const run = await tx.maybeOne(sql.type(LockedRow)`
    select r.id, r.workspace_id, r.organization_id, r.status, r.plan_only, r.save_plan, r.auto_apply,
      r.allow_empty_apply, r.has_changes, r.stop_wish, r.stop_reason,
      coalesce(r.force_cancel_available_at <= now(), false) as force_cancel_available,
      r.execution_mode, r.agent_pool_id, r.finished_at, r.stages,
      ${isSubscribed(sql.fragment`r.workspace_id`)} as is_subscribed,
      ${mayHoldBack(sql.fragment`r.organization_id`)} as is_limited
    from runs r
    -- evaluated when the run is found and before it is locked
    where r.id = ${runId} and r.workspace_id = (
      select w.id
      from workspaces w
      where w.id = (select x.workspace_id from runs x where x.id = ${runId})
      for no key update of w)
    for update of r`)
  if (!run) throw problem('not_found')
  return run
}

export const factsOf = (
  run: Pick<
    LockedRun,
    | 'plan_only'
    | 'save_plan'
    | 'auto_apply'
    | 'allow_empty_apply'
    | 'has_changes'
    | 'stop_wish'
    | 'force_cancel_available'
    | 'stages'
  >,
): RunFacts => ({
  planOnly: run.plan_only,
  savePlan: run.save_plan,
  autoApply: run.auto_apply,
  allowEmptyApply: run.allow_empty_apply,
  hasChanges: run.has_changes,
  stopWish: run.stop_wish,
  forceCancelAvailable: run.force_cancel_available,
  stages: run.stages,
})

export interface TransitionOptions {
  /** The user who did it; null for the system. */
  by?: string | null
  reason?: string
}

/** A run counts against the limits of its organization and pool while one of its phases is queued or running. */
const usesCapacity: readonly RunStatus[] = ['plan_queued', 'planning', 'apply_queued', 'applying']

/**
 * The only writer of a run's status. Finds the row of the lifecycle table, writes run, phases, timestamps and the
 * run event, and enqueues what follows, all in the caller's transaction.
 * The caller holds the lock (lockRun) and has written has_changes before it asks.
 * @throws problem 'transition_not_allowed'
 */
export async function transition(
  app: App,
  tx: Tx,
  run: LockedRun,
  event: RunEvent,
  options: TransitionOptions = {},
): Promise<RunStatus> {
  const row = findRow(run.status, event, factsOf(run))
  if (!row) {
    throw problem(
      'transition_not_allowed',
      `The run is ${run.status}: ${event.replaceAll('-', ' ')} is not possible now.`,
    )
  }
  const at = app.now().toISOString()
  const before = run.status
  const final = isFinal(row.to)
  const facts = factsOf(run)
  const held = holdsWorkspace(before, facts)
  const holds = holdsWorkspace(row.to, facts)
  const isRepeated = event === 'plan-taken' && before === 'planning'
  await recordTransition(tx, {
    run,
    row,
    at,
    final,
    reason: options.reason ?? null,
    event: isRepeated ? null : { name: eventName(event, row), by: options.by ?? null },
    holder: held === holds ? 'stays' : holds ? 'takes' : 'leaves',
  })
  if (row.effect === 'send-plan') await enqueuePhase(app, tx, run, 'plan')
  if (row.effect === 'send-apply') await enqueuePhase(app, tx, run, 'apply')
  if (row.effect === 'start-stage') await startStage(app, tx, run.id, stageOf(row.to))
  if (final && run.stages.length > 0) await endStages(tx, run.id, at)
  if (before === 'applying' && row.to !== 'applying') await supersedeSavedPlans(app, tx, run)
  if (before === 'applying' && (event === 'lost' || event === 'force-cancel')) await doubtState(tx, run)
  if (row.to === 'planned_and_finished') await settleDoubt(tx, run, 'plan')
  if (event === 'apply-finished') await settleDoubt(tx, run, 'apply')
  if (before !== row.to && run.is_subscribed) await notifyOfRun(app, tx, run, row.to)
  if ((held && !holds) || (before === 'pending' && final)) await promoteNext(app, tx, run.workspace_id)
  if (run.is_limited && usesCapacity.includes(before) && !usesCapacity.includes(row.to))
    await dispatchHeldBack(app, tx, run.organization_id)
  return row.to
}

/** `post_plan_running` is the status of the stage `post_plan`. */
const stageOf = (status: RunStatus): Stage => stages.find((stage) => status === `${stage}_running`)!

const eventName = (event: RunEvent, row: LifecycleRow): string =>
  ({ turn: 'queued', confirm: 'approved', discard: 'discarded', cancel: 'canceled', 'force-cancel': 'force_canceled' })[
    event as string
  ] ?? row.to

async function supersedeSavedPlans(app: App, tx: Tx, applied: LockedRun): Promise<void> {
  const stale = await tx.any(sql.type(z.object({ id: z.string() }))`
    select id
    from runs
    where workspace_id = ${applied.workspace_id} and status = 'planned_and_saved' and id <> ${applied.id}`)
  for (const { id } of stale)
    await transition(app, tx, await lockRun(tx, id), 'supersede', {
      reason: 'The state changed after this plan was made.',
    })
}
