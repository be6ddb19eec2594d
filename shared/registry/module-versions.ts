import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { ModuleContents } from './module-contents.ts'
import { versionStatuses } from './modules.ts'

const VersionRow = z.object({
  id: z.string(),
  module_id: z.string(),
  organization_id: z.string(),
  version: z.string(),
  status: z.enum(versionStatuses),
  error: z.string().nullable(),
  commit_sha: z.string().nullable(),
  blob_id: z.string().nullable(),
  size_bytes: z.number().nullable(),
  created_at: z.date(),
  updated_at: z.date(),
})
export type ModuleVersion = z.output<typeof VersionRow>

const columns = sql.fragment`
  v.id, v.module_id, m.organization_id, v.version, v.status, v.error, v.commit_sha, v.blob_id, b.size_bytes,
  v.created_at, v.updated_at`

const tables = sql.fragment`
  registry_module_versions v
  join registry_modules m on m.id = v.module_id
  join organizations o on o.id = m.organization_id and o.deleted_at is null
  left join blobs b on b.id = v.blob_id`

export const selectOptionalModuleVersion = (tx: Tx, moduleId: string, version: string) =>
  tx.maybeOne(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.module_id = ${moduleId} and v.version = ${version}`)

export const selectOptionalModuleVersionById = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(VersionRow)`
    select ${columns}
    from ${tables}
    where v.id = ${id}`)

const DetailsRow = z.object({ readme: z.string().nullable(), contents: ModuleContents.nullable() })

/** What the archive holds, as far as it was read. */
export const selectModuleDetails = (tx: Tx, id: string) =>
  tx.one(sql.type(DetailsRow)`
    select readme, contents
    from registry_module_versions
    where id = ${id}`)

/** A version that waits for its archive. @throws problem 'invalid_attribute' (422) when the module has it already */
export async function insertModuleVersion(
  tx: Tx,
  row: { moduleId: string; version: string; commitSha: string | null },
): Promise<string> {
  const id = newId('modver')
  try {
    await tx.query(sql.void`
      insert into registry_module_versions (id, module_id, version, commit_sha)
      values (${id}, ${row.moduleId}, ${row.version}, ${row.commitSha})`)
  } catch (error) {
    if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error
    throw invalid('version', 'Version has already been taken')
  }
  return id
}

/** Deletes a version and its archive; a module that loses its last one goes too. @throws problem 'not_found' */
export const deleteModuleVersion = (app: App, moduleId: string, version: string): Promise<void> =>
  app.db.transaction(async (tx) => {
    const deleted = await tx.maybeOne(sql.type(z.object({ blob_id: z.string().nullable() }))`
      delete from registry_module_versions
      where module_id = ${moduleId} and version = ${version}
      returning blob_id`)
    if (!deleted) throw problem('not_found')
    if (deleted.blob_id) await app.blobs.remove(tx, deleted.blob_id)
    await tx.query(sql.void`
      delete from registry_modules m
      where m.id = ${moduleId} and not exists (select 1 from registry_module_versions v where v.module_id = m.id)`)
  })

export async function publishModuleVersion(
  app: App,
  id: string,
  found: { blobId: string; readme: string | null; contents: ModuleContents | null },
): Promise<void> {
  await app.db.transaction(async (tx) => {
    const before = await tx.maybeOne(sql.type(z.object({ blob_id: z.string().nullable() }))`
      select blob_id
      from registry_module_versions
      where id = ${id}
      for update`)
    if (!before) throw problem('not_found')
    await tx.query(sql.void`
      update registry_module_versions
      set status = 'ok', error = null, blob_id = ${found.blobId}, readme = ${found.readme},
        contents = ${found.contents ? sql.jsonb(found.contents as never) : null}, updated_at = now()
      where id = ${id}`)
    if (before.blob_id) await app.blobs.remove(tx, before.blob_id)
    await tx.query(sql.void`
      update registry_modules
      set updated_at = now()
      where id = (select module_id from registry_module_versions where id = ${id})`)
  })
}

/** Says why an archive was refused; a version that has a good one keeps it. */
export const failModuleVersion = (tx: Tx, id: string, error: string) =>
  tx.query(sql.void`
    update registry_module_versions
    set status = 'reg_ingress_failed', error = ${error}, updated_at = now()
    where id = ${id} and blob_id is null`)
