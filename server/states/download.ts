import { problem } from '../../shared/errors.ts'
import { isReadable, type StateVersion, selectOptionalStateVersion } from '../../shared/states/queries.ts'
import { sendBlob } from '../download.ts'
import type { Context } from '../route.ts'

/** A state whose bytes were deleted, or did not come yet, answers 404, by an address that was given out before too. */
async function finalized(ctx: Context, id: string): Promise<StateVersion> {
  const version = await selectOptionalStateVersion(ctx.app.db, id)
  if (!version) throw problem('not_found')
  if (!isReadable(version)) {
    throw problem('not_found', `The state version is ${version.status}: it has no state to download.`)
  }
  return version
}

/** The raw state, byte by byte as it was uploaded. */
export async function sendState(ctx: Context, id: string): Promise<void> {
  const version = await finalized(ctx, id)
  if (!version.raw_blob_id) throw problem('corrupt', `The bytes of ${id} are missing.`)
  await sendBlob(ctx, { id: version.raw_blob_id, of: id, sizeBytes: version.size_bytes, type: 'application/json' })
}

/** The JSON form that the client uploaded with it, if it did. */
export async function sendJsonState(ctx: Context, id: string): Promise<void> {
  const version = await finalized(ctx, id)
  if (!version.json_blob_id) throw problem('not_found', 'The client uploaded no JSON form of this state.')
  await sendBlob(ctx, {
    id: version.json_blob_id,
    of: id,
    sizeBytes: version.json_size_bytes ?? 0,
    type: 'application/json',
  })
}
