import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { type Upload, wholeUpload } from '../upload.ts'
import { readPolicies, WrongPolicies } from './version-archive.ts'

export const VersionRow = z.object({
  id: z.string(),
  policy_set_id: z.string(),
  organization_id: z.string(),
  kind: z.enum(['opa', 'sentinel']),
  status: z.enum(['pending', 'ingressing', 'ready', 'errored']),
  status_timestamps: z.record(z.string(), z.string()),
  error: z.string().nullable(),
  created_at: z.date(),
  updated_at: z.date(),
})
export type PolicySetVersion = z.output<typeof VersionRow>

const columns = sql.fragment`
  v.id, v.policy_set_id, s.organization_id, s.kind, v.status, v.status_timestamps, v.error, v.created_at, v.updated_at`
const tables = sql.fragment`
  policy_set_versions v
  join policy_sets s on s.id = v.policy_set_id
  join organizations o on o.id = s.organization_id and o.deleted_at is null`

export const selectOptionalPolicySetVersion = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.id = ${id}`)

export const selectPolicySetVersions = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.id = any(${sql.array([...ids], 'text')})`)

/** Newest first. */
export const selectVersionsOfSet = (tx: Tx, setId: string, page: { size: number; offset: number }) =>
  tx.any(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.policy_set_id = ${setId}
    order by v.created_at desc, v.id
    limit ${page.size} offset ${page.offset}`)

export const countVersionsOfSet = (tx: Tx, setId: string) =>
  tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from policy_set_versions
    where policy_set_id = ${setId}`)

export async function createPolicySetVersion(app: App, tx: Tx, setId: string): Promise<string> {
  const id = newId('polsetver')
  await tx.query(sql.void`
    insert into policy_set_versions (id, policy_set_id, status_timestamps)
    values (${id}, ${setId}, ${sql.jsonb({ 'pending-at': app.now().toISOString() })})`)
  return id
}

const MAX_ARCHIVE = 32 * 1024 * 1024

/**
 * Receives the archive of a version, which is ready when this returns, or errored with the reason.
 * @throws problem 'conflict' for a version that has its archive, 'too_large', 'invalid_attribute'
 */
export async function receivePolicies(app: App, id: string, upload: Upload): Promise<void> {
  const version = await selectOptionalPolicySetVersion(app.db, id)
  if (!version) throw problem('not_found')
  if (version.status !== 'pending') throw problem('conflict', `The policy set version is ${version.status} already.`)
  const stored = await app.blobs.put(wholeUpload(upload), {
    maxBytes: MAX_ARCHIVE,
    tooLarge: `The policies are larger than ${MAX_ARCHIVE / 1024 / 1024} MiB.`,
  })
  const at = app.now().toISOString()
  try {
    const contents = await readPolicies(await app.blobs.read(stored.id), version.kind)
    await app.db.query(sql.void`
      update policy_set_versions
      set status = 'ready', contents = ${sql.jsonb(contents as never)}, blob_id = ${stored.id}, updated_at = now(),
        status_timestamps = status_timestamps || ${sql.jsonb({ 'ingressing-at': at, 'ready-at': at })}
      where id = ${id} and status = 'pending'`)
  } catch (error) {
    await app.blobs.remove(app.db, stored.id)
    if (!(error instanceof WrongPolicies)) throw error
    await app.db.query(sql.void`
      update policy_set_versions
      set status = 'errored', error = ${error.message}, updated_at = now(),
        status_timestamps = status_timestamps || ${sql.jsonb({ 'errored-at': at })}
      where id = ${id} and status = 'pending'`)
    throw problem('invalid_attribute', error.message)
  }
}
