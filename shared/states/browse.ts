import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { OutputRow } from './outputs.ts'
import { ResourceRow } from './resources.ts'

/** State versions as pages list and name them. */
const VersionRow = z.object({
  id: z.string(),
  /** in addresses: the serial, or the id where a newer version has the same serial */
  slug: z.string(),
  serial: z.number(),
  status: z.string(),
  lineage: z.string(),
  size_bytes: z.number(),
  resource_count: z.number(),
  resources_processed: z.boolean(),
  output_count: z.number(),
  modules: z.record(z.string(), z.record(z.string(), z.number())),
  engine_version: z.string(),
  intermediate: z.boolean(),
  is_current: z.boolean(),
  raw_blob_id: z.string().nullable(),
  run_id: z.string().nullable(),
  run_number: z.number().nullable(),
  run_message: z.string().nullable(),
  run_engine: z.string().nullable(),
  created_by_name: z.string().nullable(),
  created_at: z.date(),
})
export type ListedVersion = z.output<typeof VersionRow>

const versions = (workspaceId: string) => sql.fragment`
  select s.id, s.serial, s.status, s.lineage, s.size_bytes, s.resource_count, s.resources_processed, s.modules,
    s.engine_version, s.intermediate, s.raw_blob_id, s.run_id, s.created_at, s.finalized_at,
    coalesce(w.current_state_version_id = s.id, false) as is_current,
    (select count(*)::int from state_version_outputs x where x.state_version_id = s.id) as output_count,
    case when row_number() over (partition by s.serial order by s.finalized_at desc nulls last, s.id) = 1
      then s.serial::text else s.id end as slug,
    r.number as run_number, r.message as run_message, r.engine as run_engine, u.username as created_by_name
  from state_versions s
  join workspaces w on w.id = s.workspace_id
  left join runs r on r.id = s.run_id
  left join users u on u.id = s.created_by
  where s.workspace_id = ${workspaceId} and s.finalized_at is not null`

const columns = sql.fragment`
  v.id, v.slug, v.serial, v.status, v.lineage, v.size_bytes, v.resource_count, v.resources_processed, v.output_count,
  v.modules, v.engine_version, v.intermediate, v.is_current, v.raw_blob_id, v.run_id, v.run_number, v.run_message,
  v.run_engine, v.created_by_name, v.created_at`

const CountRow = z.object({ count: z.number() })

/** Newest first. */
export async function selectVersionsPage(tx: Tx, workspaceId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(VersionRow)`
    select ${columns}
    from (${versions(workspaceId)}) v
    order by v.finalized_at desc, v.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(CountRow)`
    select count(*)::int as count
    from state_versions s
    where s.workspace_id = ${workspaceId} and s.finalized_at is not null`)
  return { rows, totalCount: count }
}

/** By its serial (the newest that has it) or its id. */
export const selectOptionalVersion = (tx: Tx, workspaceId: string, slug: string) =>
  tx.maybeOne(sql.type(VersionRow)`
    select ${columns}
    from (${versions(workspaceId)}) v
    where v.slug = ${slug} or v.id = ${slug}`)

export const selectOptionalCurrentVersion = (tx: Tx, workspaceId: string) =>
  tx.maybeOne(sql.type(VersionRow)`
    select ${columns}
    from (${versions(workspaceId)}) v
    where v.is_current`)

/** By address. */
export async function selectResourcesPage(
  tx: Tx,
  stateVersionId: string,
  filter: { search: string; module: string },
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    r.state_version_id = ${stateVersionId}
    and (${filter.search} = '' or strpos(lower(r.address), lower(${filter.search})) > 0)
    and (${filter.module} = '' or r.module = ${filter.module})`
  const rows = await tx.any(sql.type(ResourceRow)`
    select r.id, r.state_version_id, r.address, r.name, r.type, r.module, r.provider, r.instance_count, s.created_at
    from state_resources r
    join state_versions s on s.id = r.state_version_id
    where ${where}
    order by r.module = 'root' desc, r.module, r.address
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(CountRow)`
    select count(*)::int as count
    from state_resources r
    where ${where}`)
  return { rows, totalCount: count }
}

/** By name. */
export async function selectOutputsPage(
  tx: Tx,
  stateVersionId: string,
  search: string,
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    x.state_version_id = ${stateVersionId} and s.status = 'finalized'
    and (${search} = '' or strpos(lower(x.name), lower(${search})) > 0)`
  const rows = await tx.any(sql.type(OutputRow)`
    select x.id, x.state_version_id, s.workspace_id, w.project_id, w.organization_id, x.name, x.sensitive, x.type, x.value
    from state_version_outputs x
    join state_versions s on s.id = x.state_version_id
    join workspaces w on w.id = s.workspace_id
    where ${where}
    order by x.name
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(CountRow)`
    select count(*)::int as count
    from state_version_outputs x
    join state_versions s on s.id = x.state_version_id
    where ${where}`)
  return { rows, totalCount: count }
}
