import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { type Upload, wholeUpload } from '../upload.ts'
import { lockWorkspaceRow } from '../workspaces/queries.ts'
import { type Arrived, arrive, referTo, stateLimit } from './arrive.ts'
import { finalize } from './finalize.ts'
import { refuseConflict } from './rules.ts'

const UploadRow = z.object({
  workspace_id: z.string(),
  status: z.string(),
  serial: z.number(),
  lineage: z.string(),
  md5: z.string(),
  force: z.boolean(),
  lock_is_gone: z.boolean(),
  json_blob_id: z.string().nullable(),
})
type UploadTarget = z.output<typeof UploadRow>

const selectTarget = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(UploadRow)`
    select s.workspace_id, s.status, s.serial, s.lineage, s.md5, s.force, s.json_blob_id,
      s.lock_taken_at is distinct from w.locked_at as lock_is_gone
    from state_versions s
    join workspaces w on w.id = s.workspace_id
    where s.id = ${id}`)

const notPending = (status: string) =>
  problem('conflict', `The state version is ${status}: it takes no other state. Create a new version.`)

/**
 * Receives the raw state of a pending version, which becomes the workspace's current state with it. A broken upload,
 * or other bytes than those announced, leave it pending, to be sent again. The same bytes once more are no error: a
 * client repeats an upload whose answer it did not get.
 *
 * @throws problem 'conflict' when other bytes are there, when the lock it was made under is gone, or when another state
 *   came before it
 */
export async function receiveState(app: App, id: string, upload: Upload): Promise<void> {
  const target = await selectTarget(app.db, id)
  if (!target) throw problem('not_found')
  if (target.status !== 'pending') return acceptRepeat(target, upload)
  const arrived = await arrive(app, wholeUpload(upload), target.md5)
  await referTo(app, arrived.blob.id, () => app.db.transaction((tx) => finishUpload(app, tx, id, arrived)))
}

async function finishUpload(app: App, tx: Tx, id: string, arrived: Arrived): Promise<void> {
  const before = await selectTarget(tx, id)
  if (!before) throw problem('not_found')
  const workspace = await lockWorkspaceRow(tx, before.workspace_id)
  const target = await selectTarget(tx, id)
  if (!workspace || !target) throw problem('not_found')
  // of two uploads of the same bytes at once one comes first: the blob of the other is nobody's, and the sweep takes it
  if (target.status === 'finalized') return
  if (target.status !== 'pending') throw notPending(target.status)
  if (target.lock_is_gone) {
    throw problem(
      'conflict',
      'The lock under which this state version was created is gone. Lock the workspace and write it again.',
    )
  }
  if (!target.force) await refuseConflict(tx, workspace.current_state_version_id, target)
  await finalize(app, tx, id, arrived)
}

async function acceptRepeat(target: UploadTarget, upload: Upload): Promise<void> {
  if (target.status !== 'finalized') throw notPending(target.status)
  const md5 = createHash('md5')
  for await (const part of wholeUpload(upload)) md5.update(part)
  if (md5.digest('hex') !== target.md5) throw notPending(target.status)
}

/** Keeps the JSON form of the state. It changes nothing else: a version is complete with its raw state. */
export async function receiveJsonState(app: App, id: string, upload: Upload): Promise<void> {
  const target = await selectTarget(app.db, id)
  if (!target) throw problem('not_found')
  if (target.status !== 'pending' && target.status !== 'finalized') throw notPending(target.status)
  const blob = await app.blobs.put(wholeUpload(upload), stateLimit(app))
  const { rowCount } = await app.db.query(sql.void`
    update state_versions
    set json_blob_id = ${blob.id}
    where id = ${id} and json_blob_id is null`)
  // the first one stays: what is served under an address does not change afterwards
  if (rowCount === 0) await app.blobs.remove(app.db, blob.id)
}
