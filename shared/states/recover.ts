import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'
import { insertRunEvent } from '../runs/events.ts'
import { isFinal, statuses } from '../runs/lifecycle.ts'
import { arrive, referTo } from './arrive.ts'
import { finalize } from './finalize.ts'

/** What an engine left on the disk of a worker that could not report it. */
export interface LeftRun {
  runId: string
  /** not known for a folder without a state */
  workspaceId?: string | undefined
}
export interface LeftState extends LeftRun {
  workspaceId: string
  serial: number
  lineage: string
  /** hex, of the bytes */
  md5: string
}

/**
 * wait: the run goes on, or another one is applying; ask again later. send: the state is not stored here.
 * done: it is, or is not needed. unknown: no such run here, so nobody may throw the state away.
 */
export type LeftAnswer = 'wait' | 'send' | 'done' | 'unknown'

/** Who asks: a runner of this server (null) may speak of every run, an agent of its pool's. */
export type LeftBy = { agentPoolId: string } | null

const RunRow = z.object({
  status: z.enum(statuses),
  base_state_version_id: z.string().nullable(),
  engine_version: z.string(),
  created_by: z.string().nullable(),
})

async function selectLeftRun(tx: Tx, left: LeftRun, by: LeftBy) {
  return tx.maybeOne(sql.type(RunRow)`
    select status, base_state_version_id, engine_version, created_by
    from runs
    where id = ${left.runId} and workspace_id = coalesce(${left.workspaceId ?? null}, workspace_id)
      and (${by === null} or (execution_mode = 'agent' and agent_pool_id = ${by?.agentPoolId ?? null}))`)
}

/** Before the state is looked at: whether its run has ended in a way that can have left one. */
export async function answerLeftRun(app: App, left: LeftRun, by: LeftBy): Promise<LeftAnswer> {
  const run = await selectLeftRun(app.db, left, by)
  if (!run) return 'unknown'
  if (!isFinal(run.status)) return 'wait'
  return run.status === 'errored' || run.status === 'canceled' ? 'send' : 'done'
}

const PlaceRow = z.object({
  current_id: z.string().nullable(),
  current_run_id: z.string().nullable(),
  serial: z.number().nullable(),
  lineage: z.string().nullable(),
  is_locked: z.boolean(),
  holder_status: z.string().nullable(),
  is_stored: z.boolean(),
})

/** 'current': nothing else has written since. 'kept': something has, so that a person must choose. */
async function placeOf(tx: Tx, left: LeftState, base: string | null): Promise<'done' | 'wait' | 'current' | 'kept'> {
  const place = await tx.one(sql.type(PlaceRow)`
    select s.id as current_id, s.run_id as current_run_id, s.serial, s.lineage,
      w.locked_by_user_id is not null or w.locked_by_team_id is not null as is_locked,
      h.status as holder_status,
      exists (
        select 1
        from state_versions x
        where x.workspace_id = w.id and x.serial = ${left.serial} and x.lineage = ${left.lineage} and x.md5 = ${left.md5}
          and x.raw_blob_id is not null) as is_stored
    from workspaces w
    left join state_versions s on s.id = w.current_state_version_id
    left join runs h on h.id = w.holder_run_id
    where w.id = ${left.workspaceId}`)
  if (place.is_stored) return 'done'
  // its engine has read the state already and will write its own: after that the state is not the same any more
  if (place.holder_status === 'applying') return 'wait'
  const isFollowed = place.current_id !== base && place.current_run_id !== left.runId
  const isOlder = place.current_id !== null && (left.lineage !== place.lineage || left.serial <= place.serial!)
  return isFollowed || isOlder || place.is_locked ? 'kept' : 'current'
}

/** @returns 'send' when the bytes are wanted */
export async function answerLeftState(app: App, left: LeftState, by: LeftBy): Promise<LeftAnswer> {
  const answer = await answerLeftRun(app, left, by)
  if (answer !== 'send') return answer
  const run = await selectLeftRun(app.db, left, by)
  const place = await placeOf(app.db, left, run!.base_state_version_id)
  return place === 'current' || place === 'kept' ? 'send' : place
}

/**
 * Stores the state of a lost apply: as the workspace's state when nothing else has written since, else beside it, to be
 * offered on the run. May be repeated.
 */
export async function recoverState(
  app: App,
  left: LeftState,
  bytes: AsyncIterable<Uint8Array>,
  by: LeftBy,
): Promise<LeftAnswer> {
  const answer = await answerLeftState(app, left, by)
  if (answer !== 'send') return answer
  const arrived = await arrive(app, bytes, left.md5)
  return referTo(app, arrived.blob.id, () =>
    app.db.transaction(async (tx) => {
      await tx.query(sql.void`select id from workspaces where id = ${left.workspaceId} for no key update`)
      const run = await selectLeftRun(tx, left, by)
      const place = run ? await placeOf(tx, left, run.base_state_version_id) : 'done'
      if (!run || place === 'done' || place === 'wait') {
        await app.blobs.remove(tx, arrived.blob.id)
        return place === 'wait' ? place : 'done'
      }
      const id = newId('sv')
      await tx.query(sql.void`
        insert into state_versions (id, workspace_id, run_id, status, serial, lineage, md5, engine_version, created_by,
          raw_blob_id, size_bytes, recovered_at, created_at)
        values (${id}, ${left.workspaceId}, ${left.runId}, 'discarded', ${left.serial}, ${left.lineage}, ${left.md5},
          ${run.engine_version}, ${run.created_by}, ${arrived.blob.id}, ${arrived.blob.sizeBytes}, now(), clock_timestamp())`)
      if (place === 'current') await finalize(app, tx, id, arrived)
      await insertRunEvent(tx, left.runId, place === 'current' ? 'state_recovered' : 'state_kept', null)
      app.log.warn({ runId: left.runId, stateVersionId: id, place }, 'the state of a lost apply was recovered')
      return 'done'
    }),
  )
}
