import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'

/**
 * Versions of tools that site admins add or switch off: an address with a checksum for each platform. A version of
 * terraform is downloaded from there; one that is not enabled cannot be chosen.
 */
export const tools = ['terraform', 'opa', 'sentinel'] as const
export type Tool = (typeof tools)[number]

const Arch = z.object({ url: z.string(), sha: z.string(), os: z.string(), arch: z.string() })
export type Arch = z.output<typeof Arch>

const ToolVersionRow = z.object({
  id: z.string(),
  version: z.string(),
  archs: z.array(Arch),
  given_sha: z.string().nullable(),
  deprecated: z.boolean(),
  deprecated_reason: z.string().nullable(),
  official: z.boolean(),
  enabled: z.boolean(),
  beta: z.boolean(),
  usage: z.number(),
  created_at: z.date(),
})
export type ToolVersion = z.output<typeof ToolVersionRow>

const columns = sql.fragment`
  v.id, v.version, v.archs, v.given_sha, v.deprecated, v.deprecated_reason, v.official, v.enabled, v.beta, v.created_at,
  case when v.tool = 'terraform' then (
    select count(*)::int from workspaces w where w.engine = 'terraform' and w.engine_version = v.version)
  else 0 end as usage`

export async function selectToolVersionsPage(
  tx: Tx,
  tool: Tool,
  filter: { version: string | undefined; search: string | undefined },
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    v.tool = ${tool}
    and (${filter.version ?? null}::text is null or v.version = ${filter.version ?? null})
    and (${filter.search ?? null}::text is null or strpos(v.version, ${filter.search ?? null}) > 0)`
  const rows = await tx.any(sql.type(ToolVersionRow)`
    select ${columns}
    from tool_versions v
    where ${where}
    order by v.created_at desc, v.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from tool_versions v
    where ${where}`)
  return { rows, totalCount }
}

export const selectOptionalToolVersion = (tx: Tx, tool: Tool, id: string) =>
  tx.maybeOne(sql.type(ToolVersionRow)`
    select ${columns}
    from tool_versions v
    where v.tool = ${tool} and v.id = ${id}`)

export const selectOptionalNamedVersion = (tx: Tx, tool: Tool, version: string) =>
  tx.maybeOne(sql.type(ToolVersionRow)`
    select ${columns}
    from tool_versions v
    where v.tool = ${tool} and v.version = ${version}`)

export type ToolVersionInput = Omit<ToolVersion, 'id' | 'usage' | 'created_at'>

/** Writes one, new or changed. @throws problem 'invalid_attribute' when the tool has that version already */
export async function storeToolVersion(tx: Tx, tool: Tool, id: string | null, v: ToolVersionInput) {
  const rowId = id ?? newId('tool')
  try {
    await tx.query(sql.void`
      insert into tool_versions (id, tool, version, archs, given_sha, deprecated, deprecated_reason, official, enabled, beta)
      values (${rowId}, ${tool}, ${v.version}, ${sql.jsonb(v.archs)}, ${v.given_sha}, ${v.deprecated}, ${v.deprecated_reason},
        ${v.official}, ${v.enabled}, ${v.beta})
      on conflict (id) do update
      set version = excluded.version, archs = excluded.archs, given_sha = excluded.given_sha,
        deprecated = excluded.deprecated,
        deprecated_reason = excluded.deprecated_reason, official = excluded.official, enabled = excluded.enabled,
        beta = excluded.beta`)
  } catch (error) {
    if (error instanceof UniqueIntegrityConstraintViolationError)
      throw invalid('version', 'Version has already been taken')
    throw error
  }
  return (await selectOptionalToolVersion(tx, tool, rowId))!
}

export const deleteToolVersion = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from tool_versions
    where id = ${id}`)

/** Where a version that a site admin named is downloaded from; null for others. */
export async function selectOptionalArchives(tx: Tx, tool: Tool, version: string): Promise<Arch[] | null> {
  const row = await tx.maybeOne(sql.type(ToolVersionRow.pick({ archs: true }))`
    select archs
    from tool_versions
    where tool = ${tool} and version = ${version}`)
  return row?.archs ?? null
}
