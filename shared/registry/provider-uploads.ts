import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { type Upload, wholeUpload } from '../upload.ts'
import { isSignedBy, selectOptionalGpgKey } from './gpg-keys.ts'
import { selectOptionalPlatformById } from './provider-platforms.ts'
import { type ProviderVersion, selectOptionalProviderVersionById } from './provider-versions.ts'

const MAX_SUMS_BYTES = 1024 * 1024
const MAX_PROVIDER_BYTES = 1024 * 1024 * 1024

const columns = { shasums: 'shasums_blob_id', signature: 'shasums_signature_blob_id' } as const
export type SumsFile = keyof typeof columns

/**
 * Receives SHA256SUMS or its detached signature. As soon as both and the key are there, the signature must verify:
 * otherwise the second of the two is refused, since every CLI would refuse the version.
 * @throws problem 'invalid_attribute' (422), 'too_large' (413)
 */
export async function receiveSums(app: App, id: string, file: SumsFile, upload: Upload): Promise<void> {
  const version = await selectOptionalProviderVersionById(app.db, id)
  if (!version) throw problem('not_found')
  const stored = await app.blobs.put(wholeUpload(upload), {
    maxBytes: MAX_SUMS_BYTES,
    tooLarge: `This file is larger than ${MAX_SUMS_BYTES} bytes.`,
  })
  try {
    if (stored.sizeBytes === 0) throw problem('invalid_attribute', 'The upload is empty.')
    if (file === 'signature') await requireBinary(app, stored.id)
    await requireSigned(app, { ...version, [columns[file]]: stored.id })
    await replaceBlob(app, 'registry_provider_versions', columns[file], id, stored.id)
  } catch (error) {
    await app.blobs.remove(app.db, stored.id)
    throw error
  }
}

async function requireBinary(app: App, blobId: string): Promise<void> {
  const head = (await app.blobs.bytes(blobId, MAX_SUMS_BYTES)).subarray(0, 14).toString('latin1')
  if (head.startsWith('-----BEGIN PGP'))
    throw problem('invalid_attribute', 'The signature is armored. A binary one is needed: gpg --detach-sign.')
}

async function requireSigned(app: App, version: ProviderVersion): Promise<void> {
  const { shasums_blob_id, shasums_signature_blob_id, organization_id, key_id } = version
  if (!shasums_blob_id || !shasums_signature_blob_id) return
  const key = await selectOptionalGpgKey(app.db, organization_id, key_id)
  if (!key) return
  const [sums, signature] = await Promise.all(
    [shasums_blob_id, shasums_signature_blob_id].map((id) => app.blobs.bytes(id, MAX_SUMS_BYTES)),
  )
  if (await isSignedBy(key.ascii_armor, sums!, signature!)) return
  throw problem('invalid_attribute', `The signature is not one of the key ${key.key_id} over this SHA256SUMS file.`)
}

/** Receives the zip of one platform. @throws problem 'invalid_attribute' (422) when it has another SHA-256 */
export async function receiveProvider(app: App, id: string, upload: Upload): Promise<void> {
  const platform = await selectOptionalPlatformById(app.db, id)
  if (!platform) throw problem('not_found')
  const stored = await app.blobs.put(wholeUpload(upload), {
    maxBytes: MAX_PROVIDER_BYTES,
    tooLarge: `The provider is larger than ${MAX_PROVIDER_BYTES / 1024 / 1024} MiB.`,
  })
  try {
    const is = stored.sha256.toString('hex')
    if (is !== platform.shasum.toLowerCase())
      throw problem('invalid_attribute', `The file has the SHA-256 ${is}, but the platform says ${platform.shasum}.`)
    await replaceBlob(app, 'registry_provider_platforms', 'blob_id', id, stored.id)
  } catch (error) {
    await app.blobs.remove(app.db, stored.id)
    throw error
  }
}

const replaceBlob = (app: App, table: string, column: string, id: string, blobId: string): Promise<void> =>
  app.db.transaction(async (tx: Tx) => {
    await tx.query(sql.void`
      delete from blobs
      where id = (select ${sql.identifier([column])} from ${sql.identifier([table])} where id = ${id} for update)`)
    await tx.query(sql.void`
      update ${sql.identifier([table])}
      set ${sql.identifier([column])} = ${blobId}, updated_at = now()
      where id = ${id}`)
  })
