import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { lockWorkspaceRow } from '../workspaces/queries.ts'
import { arrive, referTo } from './arrive.ts'
import { finalize } from './finalize.ts'

export interface RunState {
  workspaceId: string
  runId: string
  serial: number
  lineage: string
  /** hex, of the bytes */
  md5: string
  /** written while the apply still runs; current all the same: it is the truth so far */
  intermediate: boolean
  engineVersion: string
}

/**
 * Stores what a run's engine wrote. The engine's state is the truth: it is compared with nothing. `guard` proves, in the
 * transaction that makes it current, that the writer still holds its phase.
 * @returns the id of the state version
 */
export async function storeState(
  app: App,
  state: RunState,
  bytes: AsyncIterable<Uint8Array>,
  guard: (tx: Tx) => Promise<void>,
): Promise<string> {
  const same = state.intermediate ? null : await settleIntermediate(app, state, guard)
  if (same) {
    if (bytes instanceof Readable) bytes.destroy()
    return same
  }
  const arrived = await arrive(app, bytes, state.md5)
  return referTo(app, arrived.blob.id, () =>
    app.db.transaction(async (tx) => {
      await guard(tx)
      if (!(await lockWorkspaceRow(tx, state.workspaceId))) throw problem('not_found', 'The workspace was deleted.')
      // the answer to an earlier try may have been lost
      const stored = await selectStored(tx, state)
      if (stored) {
        await app.blobs.remove(tx, arrived.blob.id)
        return stored
      }
      const id = newId('sv')
      await tx.query(sql.void`
        insert into state_versions (id, workspace_id, run_id, serial, lineage, md5, intermediate, engine_version, created_by,
          created_at)
        select ${id}, r.workspace_id, r.id, ${state.serial}, ${state.lineage}, ${state.md5}, ${state.intermediate},
          ${state.engineVersion}, r.created_by, clock_timestamp()
        from runs r
        where r.id = ${state.runId} and r.workspace_id = ${state.workspaceId}`)
      await finalize(app, tx, id, arrived)
      return id
    }),
  )
}

async function selectStored(tx: Tx, state: RunState): Promise<string | null> {
  const row = await tx.maybeOne(sql.type(z.object({ id: z.string() }))`
    select s.id
    from workspaces w
    join state_versions s on s.id = w.current_state_version_id
    where w.id = ${state.workspaceId} and s.run_id = ${state.runId} and s.serial = ${state.serial}
      and s.lineage = ${state.lineage} and s.md5 = ${state.md5}`)
  return row?.id ?? null
}

/** The last snapshot of an apply is often its final state already: then it only stops being intermediate. */
const settleIntermediate = (app: App, state: RunState, guard: (tx: Tx) => Promise<void>): Promise<string | null> =>
  app.db.transaction(async (tx) => {
    await guard(tx)
    const row = await tx.maybeOne(sql.type(z.object({ id: z.string() }))`
      update state_versions s
      set intermediate = false
      from workspaces w
      where w.id = ${state.workspaceId} and s.id = w.current_state_version_id
        and s.run_id = ${state.runId} and s.serial = ${state.serial} and s.md5 = ${state.md5}
      returning s.id`)
    return row?.id ?? null
  })
