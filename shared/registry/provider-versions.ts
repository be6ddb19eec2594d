import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'

const VersionRow = z.object({
  id: z.string(),
  provider_id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  provider_name: z.string(),
  version: z.string(),
  key_id: z.string(),
  protocols: z.array(z.string()),
  shasums_blob_id: z.string().nullable(),
  shasums_signature_blob_id: z.string().nullable(),
  platform_ids: z.array(z.string()),
  created_at: z.date(),
  updated_at: z.date(),
})
export type ProviderVersion = z.output<typeof VersionRow>

const columns = sql.fragment`
  v.id, v.provider_id, p.organization_id, o.name as organization_name, p.name as provider_name, v.version, v.key_id,
  v.protocols, v.shasums_blob_id, v.shasums_signature_blob_id, v.created_at, v.updated_at,
  array(
    select f.id
    from registry_provider_platforms f
    where f.version_id = v.id
    order by f.os, f.arch) as platform_ids`

const tables = sql.fragment`
  registry_provider_versions v
  join registry_providers p on p.id = v.provider_id
  join organizations o on o.id = p.organization_id and o.deleted_at is null`

export const selectOptionalProviderVersion = (tx: Tx, providerId: string, version: string) =>
  tx.maybeOne(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.provider_id = ${providerId} and v.version = ${version}`)

export const selectOptionalProviderVersionById = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.id = ${id}`)

/** Versions of several providers, for includes. */
export const selectVersionsOfProviders = (tx: Tx, providerIds: readonly string[]) =>
  tx.any(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.provider_id = any(${sql.array([...providerIds], 'text')})`)

/** Newest first. */
export async function selectProviderVersionsPage(tx: Tx, providerId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.provider_id = ${providerId}
    order by v.created_at desc, v.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from registry_provider_versions
    where provider_id = ${providerId}`)
  return { rows, totalCount: count }
}

/** @throws problem 'invalid_attribute' (422) when the provider has it already */
export async function insertProviderVersion(
  tx: Tx,
  row: { providerId: string; version: string; keyId: string; protocols: readonly string[] },
): Promise<string> {
  const id = newId('provver')
  try {
    await tx.query(sql.void`
      insert into registry_provider_versions (id, provider_id, version, key_id, protocols)
      values (${id}, ${row.providerId}, ${row.version}, ${row.keyId}, ${sql.array([...row.protocols], 'text')})`)
  } catch (error) {
    if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error
    throw invalid('version', 'Version has already been taken')
  }
  return id
}

export const deleteProviderVersionRow = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from registry_provider_versions
    where id = ${id}`)
