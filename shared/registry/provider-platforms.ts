import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'

const PlatformRow = z.object({
  id: z.string(),
  version_id: z.string(),
  organization_id: z.string(),
  os: z.string(),
  arch: z.string(),
  shasum: z.string(),
  filename: z.string(),
  blob_id: z.string().nullable(),
  size_bytes: z.number().nullable(),
})
export type ProviderPlatform = z.output<typeof PlatformRow>

const columns = sql.fragment`
  f.id, f.version_id, p.organization_id, f.os, f.arch, f.shasum, f.filename, f.blob_id, b.size_bytes`

const tables = sql.fragment`
  registry_provider_platforms f
  join registry_provider_versions v on v.id = f.version_id
  join registry_providers p on p.id = v.provider_id
  join organizations o on o.id = p.organization_id and o.deleted_at is null
  left join blobs b on b.id = f.blob_id`

export const selectOptionalPlatform = (tx: Tx, versionId: string, platform: { os: string; arch: string }) =>
  tx.maybeOne(sql.type(PlatformRow)`
    select ${columns}
    from ${tables}
    where f.version_id = ${versionId} and f.os = ${platform.os} and f.arch = ${platform.arch}`)

export const selectOptionalPlatformById = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(PlatformRow)`
    select ${columns}
    from ${tables}
    where f.id = ${id}`)

export async function selectPlatformsPage(tx: Tx, versionId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(PlatformRow)`
    select ${columns}
    from ${tables}
    where f.version_id = ${versionId}
    order by f.os, f.arch
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from registry_provider_platforms
    where version_id = ${versionId}`)
  return { rows, totalCount: count }
}

/** @throws problem 'invalid_attribute' (422) when the version has it already */
export async function insertPlatform(
  tx: Tx,
  row: { versionId: string; os: string; arch: string; shasum: string; filename: string },
): Promise<string> {
  const id = newId('provpltfrm')
  try {
    await tx.query(sql.void`
      insert into registry_provider_platforms (id, version_id, os, arch, shasum, filename)
      values (${id}, ${row.versionId}, ${row.os}, ${row.arch}, ${row.shasum}, ${row.filename})`)
  } catch (error) {
    if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error
    throw invalid('os', 'The version has this platform already')
  }
  return id
}

export const deletePlatformRow = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from registry_provider_platforms
    where id = ${id}`)
