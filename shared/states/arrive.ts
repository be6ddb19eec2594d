import type { App } from '../app.ts'
import type { StoredBlob } from '../blobs.ts'
import { Problem, problem } from '../errors.ts'
import { StateReader, type StateResource, type StateSummary } from './contents.ts'

/** States up to this size are read where they arrive; larger ones by a background job, in a thread of its own. */
const READ_AT_ONCE = 256 * 1024

export interface Contents {
  summary: StateSummary
  resources: StateResource[]
}

/** A raw state that is stored but that no row refers to yet. */
export interface Arrived {
  blob: StoredBlob
  /** null: too large to be read here */
  contents: Contents | null
}

/** @throws problem 'invalid_attribute' when the bytes are not those that `md5` (hex) promised, 'too_large' */
export async function arrive(app: App, source: AsyncIterable<Uint8Array>, md5: string): Promise<Arrived> {
  const blob = await app.blobs.put(source, stateLimit(app))
  if (blob.sizeBytes === 0) throw problem('bad_request', 'The state is empty.')
  if (blob.md5 !== md5) {
    await app.blobs.remove(app.db, blob.id)
    throw problem(
      'invalid_attribute',
      `The MD5 of the uploaded state is ${blob.md5}, not ${md5} as the state version says.`,
    )
  }
  return { blob, contents: await contentsOf(app, blob.id, blob.sizeBytes) }
}

export async function contentsOf(app: App, blobId: string, sizeBytes: number): Promise<Contents | null> {
  if (sizeBytes > READ_AT_ONCE) return null
  const resources: StateResource[] = []
  const reader = new StateReader((batch) => resources.push(...batch))
  reader.feed(await app.blobs.bytes(blobId, READ_AT_ONCE))
  return { summary: reader.end(), resources }
}

export const stateLimit = (app: App) => ({
  maxBytes: app.config.maxStateBytes,
  tooLarge: `The state is larger than ${app.config.maxStateBytes / 1024 / 1024} MiB (TOFUTF_MAX_STATE_MB).`,
})

/**
 * Writes rows that refer to the blob. When they are refused for a reason, the blob goes again; after any other failure
 * it may be referred to already (a commit whose answer was lost), so it is left to the sweep.
 */
export async function referTo<T>(app: App, blobId: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (error instanceof Problem && error.status < 500) await app.blobs.remove(app.db, blobId)
    throw error
  }
}
