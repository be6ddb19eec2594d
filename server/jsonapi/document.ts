import type { Context } from '../route.ts'

/**
 * JSON:API documents from a table of fields. A resource is data: type, id, attributes, relationships, and
 * what `include` may ask for. Sources and rules: shared/api/jsonapi.md (the Go decoder is strict).
 */
export interface Linkage {
  type: string
  id: string
}
export interface RelationshipValue {
  data?: Linkage | Linkage[] | null
  links?: Record<string, string>
}

// biome-ignore lint/suspicious/noExplicitAny: a table of resources of many row types
export type AnyResource = ResourceDefinition<any>

/** Rows to include, each with the resource that prints it. */
export type Included = { resource: AnyResource; rows: readonly unknown[] }

export interface ResourceDefinition<T> {
  type: string
  id(row: T): string
  /** kebab-case name → value. `undefined` leaves the attribute out, null is sent. Dates are sent as UTC with Z. */
  attributes(row: T, ctx: Context): Record<string, unknown> | Promise<Record<string, unknown>>
  /** Further attributes that the database is asked for, of all rows at once: by the row's id. */
  loads?(rows: readonly T[], ctx: Context): Promise<ReadonlyMap<string, Record<string, unknown>>>
  relationships?(row: T, ctx: Context): Record<string, RelationshipValue>
  links?(row: T, ctx: Context): Record<string, string | null> | undefined
  /** kebab-case include path → loads what belongs to all primary rows at once (a constant number of statements). */
  includes?: Record<string, (rows: readonly T[], ctx: Context) => Promise<Included | Included[]>>
}

export const defineResource = <T>(definition: ResourceDefinition<T>): ResourceDefinition<T> => definition

export interface ResourceObject {
  id: string
  type: string
  attributes: Record<string, unknown>
  relationships?: Record<string, RelationshipValue>
  links?: Record<string, string | null>
}

/** The objects of rows of one resource, in their order. */
export async function resourceObjects<T>(
  resource: ResourceDefinition<T>,
  rows: readonly T[],
  ctx: Context,
): Promise<ResourceObject[]> {
  const loaded = rows.length > 0 ? await resource.loads?.(rows, ctx) : undefined
  return Promise.all(
    rows.map(async (row) => {
      const id = resource.id(row)
      const relationships = resource.relationships?.(row, ctx)
      const links = resource.links?.(row, ctx)
      return {
        id,
        type: resource.type,
        attributes: { ...(await resource.attributes(row, ctx)), ...loaded?.get(id) },
        ...(relationships && { relationships }),
        ...(links && { links }),
      }
    }),
  )
}

export const toOne = (type: string, id: string | null | undefined): RelationshipValue => ({
  data: id ? { type, id } : null,
})
export const toMany = (type: string, ids: readonly string[]): RelationshipValue => ({
  data: ids.map((id) => ({ type, id })),
})

/** rfc3339 with an offset, as status-timestamps are written. Keys that were not reached are absent. */
export function statusTimestamps(stamps: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(stamps).map(([k, v]) => [k, new Date(v).toISOString().replace(/\.\d+Z$/, '+00:00')]),
  )
}
