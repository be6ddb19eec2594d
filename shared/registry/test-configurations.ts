import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { type Upload, wholeUpload } from '../upload.ts'

const ConfigurationRow = z.object({
  id: z.string(),
  module_id: z.string(),
  organization_id: z.string(),
  blob_id: z.string().nullable(),
})
export type TestConfiguration = z.output<typeof ConfigurationRow>

export const selectOptionalTestConfiguration = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ConfigurationRow)`
    select c.id, c.module_id, m.organization_id, c.blob_id
    from test_configurations c
    join registry_modules m on m.id = c.module_id
    join organizations o on o.id = m.organization_id and o.deleted_at is null
    where c.id = ${id}`)

/** A configuration version that belongs to a module and not to a workspace; it waits for its archive. */
export async function insertTestConfiguration(
  tx: Tx,
  row: { moduleId: string; createdBy: string | null },
): Promise<string> {
  const id = newId('cv')
  await tx.query(sql.void`
    insert into test_configurations (id, module_id, created_by)
    values (${id}, ${row.moduleId}, ${row.createdBy})`)
  return id
}

/** @throws problem 'conflict' when it has its archive already */
export async function receiveTestConfiguration(app: App, id: string, upload: Upload): Promise<void> {
  const taken = () => problem('conflict', 'The configuration version has its archive already. Create a new one.')
  const configuration = await selectOptionalTestConfiguration(app.db, id)
  if (!configuration) throw problem('not_found')
  if (configuration.blob_id) throw taken()
  const stored = await app.blobs.put(wholeUpload(upload), {
    maxBytes: app.config.maxConfigurationBytes,
    tooLarge: `The configuration is larger than ${app.config.maxConfigurationBytes / 1024 / 1024} MiB.`,
  })
  const row = await app.db.maybeOne(sql.type(z.object({ id: z.string() }))`
    update test_configurations
    set blob_id = ${stored.id}
    where id = ${id} and blob_id is null
    returning id`)
  if (row) return
  await app.blobs.remove(app.db, stored.id)
  throw taken()
}
