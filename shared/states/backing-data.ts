import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import type { StateVersion } from './queries.ts'

/** Taking the bytes of former states away: at first so that they can be given back, then for good. */
const VersionRow = z.object({
  status: z.string(),
  is_current: z.boolean(),
  raw_blob_id: z.string().nullable(),
  json_blob_id: z.string().nullable(),
})

async function move(tx: Tx, id: string, from: StateVersion['status'], to: StateVersion['status']) {
  const version = await tx.maybeOne(sql.type(VersionRow)`
    select s.status, coalesce(w.current_state_version_id = s.id, false) as is_current, s.raw_blob_id, s.json_blob_id
    from state_versions s
    join workspaces w on w.id = s.workspace_id
    where s.id = ${id}
    for update of s, w`)
  if (!version) throw problem('not_found')
  if (version.is_current) {
    throw problem('transition_not_allowed', 'The state version is the current one of its workspace: its state stays.')
  }
  if (version.status !== from) {
    throw problem('transition_not_allowed', `The state version is ${version.status}, not ${from}.`)
  }
  await tx.query(sql.void`
    update state_versions
    set status = ${to}
    where id = ${id}`)
  return version
}

export const softDeleteState = (app: App, id: string): Promise<void> =>
  app.db.transaction(async (tx) => void (await move(tx, id, 'finalized', 'backing_data_soft_deleted')))

export const restoreState = (app: App, id: string): Promise<void> =>
  app.db.transaction(async (tx) => void (await move(tx, id, 'backing_data_soft_deleted', 'finalized')))

export const deleteStateData = (app: App, id: string): Promise<void> =>
  app.db.transaction(async (tx) => {
    const version = await move(tx, id, 'backing_data_soft_deleted', 'backing_data_permanently_deleted')
    await tx.query(sql.void`
      update state_versions
      set raw_blob_id = null, json_blob_id = null
      where id = ${id}`)
    await tx.query(sql.void`delete from state_version_outputs where state_version_id = ${id}`)
    for (const blobId of [version.raw_blob_id, version.json_blob_id]) if (blobId) await removeUnshared(app, tx, blobId)
  })

const SharedRow = z.object({ is_shared: z.boolean() })

/** A rollback made a version with the same bytes: then they stay. */
async function removeUnshared(app: App, tx: Tx, blobId: string): Promise<void> {
  const { is_shared } = await tx.one(sql.type(SharedRow)`
    select exists (select 1 from state_versions where raw_blob_id = ${blobId} or json_blob_id = ${blobId}) as is_shared`)
  if (!is_shared) await app.blobs.remove(tx, blobId)
}
