import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

export const stateVersionStatuses = [
  'pending',
  'finalized',
  'discarded',
  'backing_data_soft_deleted',
  'backing_data_permanently_deleted',
] as const

const Counts = z.record(z.string(), z.record(z.string(), z.number()))

/** As the API shows them. */
const ResourceSummary = z.object({
  name: z.string(),
  type: z.string(),
  count: z.number(),
  module: z.string(),
  provider: z.string(),
})

export const StateVersionRow = z.object({
  id: z.string(),
  workspace_id: z.string(),
  project_id: z.string(),
  organization_id: z.string(),
  run_id: z.string().nullable(),
  status: z.enum(stateVersionStatuses),
  serial: z.number(),
  lineage: z.string(),
  md5: z.string(),
  size_bytes: z.number(),
  intermediate: z.boolean(),
  engine_version: z.string(),
  raw_blob_id: z.string().nullable(),
  json_blob_id: z.string().nullable(),
  json_size_bytes: z.number().nullable(),
  resources_processed: z.boolean(),
  resource_count: z.number(),
  modules: Counts,
  providers: Counts,
  created_by: z.string().nullable(),
  created_at: z.date(),
  finalized_at: z.date().nullable(),
  output_ids: z.array(z.string()),
  /** the first ones by address; all of them are a list of their own */
  resources: z.array(ResourceSummary),
})
export type StateVersion = z.output<typeof StateVersionRow>

/** A list of versions shows fewer resources of each than one version does: a document stays small. */
const RESOURCES_SHOWN = { one: 1000, many: 20 }

const columns = (shown: keyof typeof RESOURCES_SHOWN) => sql.fragment`
  s.id, s.workspace_id, w.project_id, w.organization_id, s.run_id, s.status, s.serial, s.lineage, s.md5, s.size_bytes,
  s.intermediate, s.engine_version, s.raw_blob_id, s.json_blob_id, jb.size_bytes as json_size_bytes,
  s.resources_processed, s.resource_count, s.modules, s.providers, s.created_by, s.created_at, s.finalized_at,
  array(select x.id from state_version_outputs x where x.state_version_id = s.id order by x.name) as output_ids,
  coalesce((
    select jsonb_agg(jsonb_build_object('name', r.name, 'type', r.type, 'count', r.instance_count, 'module', r.module,
      'provider', r.provider) order by r.address)
    from (
      select *
      from state_resources x
      where x.state_version_id = s.id and s.resources_processed
      order by x.address
      limit ${RESOURCES_SHOWN[shown]}) r), '[]') as resources`

const tables = sql.fragment`
  state_versions s
  join workspaces w on w.id = s.workspace_id
  join organizations o on o.id = w.organization_id and o.deleted_at is null
  left join blobs jb on jb.id = s.json_blob_id`

/** A discarded one that was recovered from a lost worker has its bytes, too: people choose between it and the current one. */
export const isReadable = (v: Pick<StateVersion, 'status' | 'raw_blob_id'>): boolean =>
  v.status === 'finalized' || (v.status === 'discarded' && v.raw_blob_id !== null)

export const selectOptionalStateVersion = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(StateVersionRow)`
    select ${columns('one')}
    from ${tables}
    where s.id = ${id}`)

export const selectStateVersion = (tx: Tx, id: string) =>
  tx.one(sql.type(StateVersionRow)`
    select ${columns('one')}
    from ${tables}
    where s.id = ${id}`)

/** State versions by id, in no order; for includes. */
export const selectStateVersions = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(StateVersionRow)`
    select ${columns('many')}
    from ${tables}
    where s.id = any(${sql.array([...ids], 'text')})`)

/** The last finalized one: a pending one never hides it. */
export const selectCurrentStateVersion = (tx: Tx, workspaceId: string) =>
  tx.maybeOne(sql.type(StateVersionRow)`
    select ${columns('one')}
    from ${tables}
    where w.id = ${workspaceId} and s.id = w.current_state_version_id`)

const CountRow = z.object({ count: z.number() })

/** Newest first. */
export async function selectStateVersionsOfWorkspace(
  tx: Tx,
  workspaceId: string,
  filter: { statuses: readonly string[] },
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    s.workspace_id = ${workspaceId}
    and (${filter.statuses.length === 0} or s.status = any(${sql.array([...filter.statuses], 'text')}))`
  const rows = await tx.any(sql.type(StateVersionRow)`
    select ${columns('many')}
    from ${tables}
    where ${where}
    order by s.created_at desc, s.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(CountRow)`
    select count(*)::int as count
    from state_versions s
    where ${where}`)
  return { rows, totalCount: count }
}

const BlobRow = z.object({ raw_blob_id: z.string().nullable() })

/** The workspace's current raw state; null when it has none. */
export async function stateBlob(tx: Tx, workspaceId: string): Promise<string | null> {
  const row = await tx.maybeOne(sql.type(BlobRow)`
    select s.raw_blob_id
    from workspaces w
    join state_versions s on s.id = w.current_state_version_id
    where w.id = ${workspaceId}`)
  return row?.raw_blob_id ?? null
}
