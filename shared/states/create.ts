import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { type Actor, userIdOf } from '../access/actor.ts'
import type { App } from '../app.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { arrive, contentsOf, referTo, stateLimit } from './arrive.ts'
import { finalize, jsonOutputsContext } from './finalize.ts'
import { outputsOf } from './output-values.ts'
import { lockHeldWorkspace, refuseConflict, type StateIdentity } from './rules.ts'

export interface NewState extends StateIdentity {
  force: boolean
  runId: string | null
  /** what the client says its outputs are (JSON) */
  jsonOutputs: string | null
  /** both in the request: the form of clients that cannot upload */
  state: Buffer | null
  jsonState: Buffer | null
}

/**
 * A new state version: `pending` until its raw state is uploaded, or `finalized` and current at once when the state came
 * with the request. @returns its id
 *
 * @throws problem 'conflict' (409) unless the caller holds the lock and the state fits the current one
 */
export async function createStateVersion(
  app: App,
  workspaceId: string,
  actor: Actor,
  state: NewState,
): Promise<string> {
  if (state.jsonOutputs) outputsOf(state.jsonOutputs)
  const insert = (tx: Tx) => insertPending(app, tx, workspaceId, actor, state)
  if (!state.state) return app.db.transaction(insert)
  // decided before the bytes are stored, and again with them: only the second answer counts
  await app.db.transaction((tx) => requireWritable(tx, workspaceId, actor, state))
  const arrived = await arrive(app, Readable.from([state.state]), state.md5)
  const json = state.jsonState && (await app.blobs.put(Readable.from([state.jsonState]), stateLimit(app)))
  return referTo(app, arrived.blob.id, () =>
    app.db.transaction(async (tx) => {
      const id = await insert(tx)
      await finalize(app, tx, id, arrived)
      if (json) await tx.query(sql.void`update state_versions set json_blob_id = ${json.id} where id = ${id}`)
      return id
    }),
  )
}

async function requireWritable(tx: Tx, workspaceId: string, actor: Actor, state: StateIdentity & { force: boolean }) {
  const workspace = await lockHeldWorkspace(tx, workspaceId, actor)
  if (!state.force) await refuseConflict(tx, workspace.current_state_version_id, state)
}

const OneRow = z.object({ one: z.number() })

async function insertPending(app: App, tx: Tx, workspaceId: string, actor: Actor, state: NewState): Promise<string> {
  await requireWritable(tx, workspaceId, actor, state)
  if (state.runId) {
    const found = await tx.maybeOne(sql.type(OneRow)`
      select 1 as one
      from runs
      where id = ${state.runId} and workspace_id = ${workspaceId}`)
    if (!found) throw invalid('run', 'The run does not exist in this workspace.')
  }
  const id = newId('sv')
  const outputs = state.jsonOutputs && app.secrets.seal(state.jsonOutputs, jsonOutputsContext(id))
  await tx.query(sql.void`
    insert into state_versions (id, workspace_id, run_id, serial, lineage, md5, force, json_outputs, created_by, lock_taken_at,
      created_at)
    select ${id}, w.id, ${state.runId}, ${state.serial}, ${state.lineage}, ${state.md5}, ${state.force},
      ${outputs ? sql.binary(outputs) : null}, ${userIdOf(actor)}, w.locked_at, clock_timestamp()
    from workspaces w
    where w.id = ${workspaceId}`)
  return id
}

const FormerRow = z.object({
  serial: z.number(),
  lineage: z.string(),
  md5: z.string(),
  raw_blob_id: z.string().nullable(),
  json_blob_id: z.string().nullable(),
  size_bytes: z.number(),
  sha256: z.instanceof(Buffer).nullable(),
})

/**
 * Makes a former state the current one again, as a new version with the same bytes. The caller must hold the lock.
 * @returns the new version's id
 */
export async function rollBack(app: App, workspaceId: string, actor: Actor, formerId: string): Promise<string> {
  const former = await app.db.maybeOne(sql.type(FormerRow)`
    select s.serial, s.lineage, s.md5, s.raw_blob_id, s.json_blob_id, s.size_bytes, b.sha256
    from state_versions s
    left join blobs b on b.id = s.raw_blob_id
    where s.id = ${formerId} and s.workspace_id = ${workspaceId}
      and (s.status = 'finalized' or (s.status = 'discarded' and s.recovered_at is not null))`)
  if (!former?.raw_blob_id || !former.sha256) {
    throw problem(
      'invalid_attribute',
      'The state version to roll back to does not exist in this workspace, or its state is gone.',
    )
  }
  const { raw_blob_id, json_blob_id, size_bytes, md5, sha256, serial, lineage } = former
  const contents = await contentsOf(app, raw_blob_id, size_bytes)
  return app.db.transaction(async (tx) => {
    const state = { serial, lineage, md5, force: true, runId: null, jsonOutputs: null, state: null, jsonState: null }
    const id = await insertPending(app, tx, workspaceId, actor, state)
    await finalize(app, tx, id, { blob: { id: raw_blob_id, sizeBytes: size_bytes, md5, sha256 }, contents })
    await tx.query(sql.void`update state_versions set json_blob_id = ${json_blob_id} where id = ${id}`)
    return id
  })
}
