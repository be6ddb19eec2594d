import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { insertRunEvent } from './events.ts'
import { findRow } from './lifecycle.ts'
import { factsOf, lockRun, transition } from './transition.ts'

/** What people do to a run. Each runs in a transaction of its own; a repeat that is no longer allowed answers 409. */
export interface By {
  userId: string | null
  comment?: string | undefined
}

async function comment(tx: Tx, runId: string, by: By): Promise<void> {
  if (by.comment) await insertComment(tx, runId, by.comment, by.userId)
}

/** What people say is an event of the run, too. */
async function insertComment(tx: Tx, runId: string, body: string, userId: string | null): Promise<string> {
  const id = newId('wsc')
  await tx.query(sql.void`
    insert into comments (id, run_id, body, created_by)
    values (${id}, ${runId}, ${body}, ${userId})`)
  await insertRunEvent(tx, runId, 'commented', userId, id)
  return id
}

const HolderRow = z.object({
  holder_run_id: z.string().nullable(),
  is_locked: z.boolean(),
  current_state_version_id: z.string().nullable(),
  base_state_version_id: z.string().nullable(),
})

export async function confirmRun(app: App, runId: string, by: By): Promise<void> {
  const stale = await app.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId)
    if (run.status === 'planned_and_saved') {
      const workspace = await tx.one(sql.type(HolderRow)`
        select w.holder_run_id, w.locked_by_user_id is not null or w.locked_by_team_id is not null as is_locked,
          w.current_state_version_id, r.base_state_version_id
        from runs r
        join workspaces w on w.id = r.workspace_id
        where r.id = ${runId}`)
      if (workspace.holder_run_id)
        throw problem(
          'transition_not_allowed',
          `${workspace.holder_run_id} holds the workspace. Apply the saved plan when it is done.`,
        )
      if (workspace.is_locked)
        throw problem(
          'transition_not_allowed',
          'The workspace is locked by a person. Unlock it, then apply the saved plan.',
        )
      if (workspace.current_state_version_id !== workspace.base_state_version_id) {
        await transition(app, tx, run, 'supersede', { reason: 'The state changed after this plan was made.' })
        return true
      }
    }
    await tx.query(sql.void`update runs set confirmed_by = ${by.userId} where id = ${runId}`)
    await transition(app, tx, run, 'confirm', { by: by.userId })
    await comment(tx, runId, by)
    return false
  })
  if (stale)
    throw problem(
      'transition_not_allowed',
      'The state changed after this plan was made: the run is discarded. Plan again.',
    )
}

export const discardRun = (app: App, runId: string, by: By): Promise<void> =>
  app.db.transaction(async (tx) => {
    await transition(app, tx, await lockRun(tx, runId), 'discard', { by: by.userId })
    await comment(tx, runId, by)
  })

/** Graceful: a run that only waits is canceled at once; a running engine gets an interrupt and ends by itself. */
export const cancelRun = (app: App, runId: string, by: By): Promise<void> =>
  app.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId)
    const running = run.status === 'planning' || run.status === 'applying'
    await transition(app, tx, run, 'cancel', { by: by.userId })
    await tx.query(sql.void`
      update runs
      set canceled_at = now(),
        canceled_by = ${by.userId},
        stop_wish = ${running ? 'cancel' : null},
        force_cancel_available_at = now() + make_interval(secs => ${app.config.forceCancelCooloffMs / 1000})
      where id = ${runId}`)
    await comment(tx, runId, by)
  })

/** Ends the run now, whatever its engine does; what the engine still writes is refused. */
export const forceCancelRun = (app: App, runId: string, by: By): Promise<void> =>
  app.db.transaction(async (tx) => {
    await transition(app, tx, await lockRun(tx, runId), 'force-cancel', {
      by: by.userId,
      reason: 'The run was force-canceled; its state may be lost.',
    })
    await tx.query(sql.void`
      update runs
      set force_canceled_at = now(), stop_wish = 'force', canceled_by = ${by.userId},
        status_timestamps = status_timestamps || jsonb_build_object('force-canceled-at', ${app.now().toISOString()}::text)
      where id = ${runId}`)
    await comment(tx, runId, by)
  })

/** A site admin ends a run at once, whatever its status: no cancel before it, no time to cool off. */
export const endRun = (app: App, runId: string, by: By): Promise<void> =>
  app.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId)
    const waits = findRow(run.status, 'cancel', factsOf(run))?.to === 'canceled'
    const forced = { ...run, stop_wish: run.stop_wish ?? ('cancel' as const), force_cancel_available: true }
    await transition(app, tx, waits ? run : forced, waits ? 'cancel' : 'force-cancel', {
      by: by.userId,
      reason: 'The run was ended by a site admin; its state may be lost.',
    })
    await tx.query(sql.void`
      update runs
      set force_canceled_at = now(), canceled_at = coalesce(canceled_at, now()), stop_wish = 'force',
        canceled_by = ${by.userId},
        status_timestamps = status_timestamps || jsonb_build_object('force-canceled-at', ${app.now().toISOString()}::text)
      where id = ${runId}`)
    await comment(tx, runId, by)
  })

/** A pending run goes before everything that waits or holds: the holder is discarded, the others stay behind. */
export const forceExecuteRun = (app: App, runId: string, by: By): Promise<void> =>
  app.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId)
    if (run.status !== 'pending')
      throw problem('transition_not_allowed', `The run is ${run.status}: only a pending run can be force-executed.`)
    const holder = await tx.maybeOne(sql.type(z.object({ id: z.string() }))`
      select holder_run_id as id
      from workspaces
      where id = ${run.workspace_id} and holder_run_id is not null`)
    if (!holder)
      throw problem(
        'transition_not_allowed',
        'No other run holds the workspace. If it is locked by a person, unlock it.',
      )
    // a promotion takes the oldest pending run: this one has to be it
    const first = await tx.one(sql.type(z.object({ number: z.number() }))`
      select coalesce(min(coalesce(queue_position, number)), 1) - 1 as number
      from runs
      where workspace_id = ${run.workspace_id} and status = 'pending'`)
    await tx.query(sql.void`update runs set queue_position = ${first.number} where id = ${runId}`)
    const held = await lockRun(tx, holder.id)
    if (!findRow(held.status, 'discard', factsOf(held))) {
      throw problem(
        'transition_not_allowed',
        `${held.id} is ${held.status}. Cancel it first; a running engine is not cut off.`,
      )
    }
    await transition(app, tx, held, 'discard', {
      by: by.userId,
      reason: `Discarded for ${runId}, which was force-executed.`,
    })
    await insertRunEvent(tx, runId, 'force_executed', by.userId)
    await comment(tx, runId, by)
  })

export const addComment = (app: App, runId: string, body: string, userId: string | null): Promise<string> =>
  app.db.transaction((tx) => insertComment(tx, runId, body, userId))
