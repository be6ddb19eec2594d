import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

export const ConfigurationRow = z.object({
  id: z.string(),
  workspace_id: z.string(),
  project_id: z.string(),
  organization_id: z.string(),
  status: z.enum([
    'pending',
    'fetching',
    'uploaded',
    'archived',
    'errored',
    'backing_data_soft_deleted',
    'backing_data_permanently_deleted',
  ]),
  source: z.string(),
  speculative: z.boolean(),
  provisional: z.boolean(),
  auto_queue_runs: z.boolean(),
  error: z.string().nullable(),
  error_message: z.string().nullable(),
  blob_id: z.string().nullable(),
  size_bytes: z.number().nullable(),
  status_timestamps: z.record(z.string(), z.string()),
  created_by: z.string().nullable(),
  created_at: z.date(),
})
export type Configuration = z.output<typeof ConfigurationRow>

const columns = sql.fragment`
  c.id, c.workspace_id, w.project_id, w.organization_id, c.status, c.source, c.speculative, c.provisional,
  c.auto_queue_runs, c.error, c.error_message, c.blob_id, b.size_bytes, c.status_timestamps, c.created_by, c.created_at`

const tables = sql.fragment`
  configuration_versions c
  join workspaces w on w.id = c.workspace_id
  join organizations o on o.id = w.organization_id and o.deleted_at is null
  left join blobs b on b.id = c.blob_id`

export const selectOptionalConfiguration = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ConfigurationRow)`
    select ${columns}
    from ${tables}
    where c.id = ${id}`)

export const selectConfiguration = (tx: Tx, id: string) =>
  tx.one(sql.type(ConfigurationRow)`
    select ${columns}
    from ${tables}
    where c.id = ${id}`)

/** Configuration versions by id, in no order; for includes. */
export const selectConfigurations = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(ConfigurationRow)`
    select ${columns}
    from ${tables}
    where c.id = any(${sql.array([...ids], 'text')})`)

const CountRow = z.object({ count: z.number() })

/** Newest first. */
export async function selectConfigurationsOfWorkspace(
  tx: Tx,
  workspaceId: string,
  page: { size: number; offset: number },
) {
  const rows = await tx.any(sql.type(ConfigurationRow)`
    select ${columns}
    from ${tables}
    where c.workspace_id = ${workspaceId}
    order by c.created_at desc, c.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(CountRow)`
    select count(*)::int as count
    from configuration_versions
    where workspace_id = ${workspaceId}`)
  return { rows, totalCount: count }
}

/** The row locked until the transaction ends, so that of two uploads only one wins. null: it does not exist. */
export const lockConfiguration = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ConfigurationRow)`
    select ${columns}
    from ${tables}
    where c.id = ${id}
    for update of c`)

const UsableRow = z.object({ id: z.string() })

/**
 * What a run uses that names no configuration: the latest uploaded one that is neither speculative nor provisional.
 * (A provisional one counts from its first apply on: then it is not provisional any more.)
 */
export const selectUsableConfiguration = (tx: Tx, workspaceId: string) =>
  tx.maybeOne(sql.type(UsableRow)`
    select id
    from configuration_versions
    where workspace_id = ${workspaceId} and current_at is not null and status = 'uploaded'
    order by current_at desc, id
    limit 1`)

const BlobRow = z.object({ blob_id: z.string().nullable() })

/** The archive that a run executes; null when it is gone. */
export async function configurationBlob(tx: Tx, runId: string): Promise<string | null> {
  const row = await tx.maybeOne(sql.type(BlobRow)`
    select c.blob_id
    from runs r
    join configuration_versions c on c.id = r.configuration_version_id
    where r.id = ${runId}`)
  return row?.blob_id ?? null
}
