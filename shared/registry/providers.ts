import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { RegistryName } from './modules.ts'

const ProviderRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  registry_name: RegistryName,
  namespace: z.string(),
  name: z.string(),
  version_ids: z.array(z.string()),
  created_at: z.date(),
  updated_at: z.date(),
})
export type RegistryProvider = z.output<typeof ProviderRow>

const columns = sql.fragment`
  p.id, p.organization_id, o.name as organization_name, p.registry_name, coalesce(p.namespace, o.name) as namespace,
  p.name, p.created_at, p.updated_at,
  array(
    select v.id
    from registry_provider_versions v
    where v.provider_id = p.id
    order by v.created_at desc, v.id) as version_ids`

const tables = sql.fragment`
  registry_providers p
  join organizations o on o.id = p.organization_id and o.deleted_at is null`

export interface ProviderName {
  organizationName: string
  registryName: string
  namespace: string
  name: string
}

export const selectOptionalProvider = (tx: Tx, named: ProviderName) =>
  tx.maybeOne(sql.type(ProviderRow)`
    select ${columns}
    from ${tables}
    where lower(o.name) = lower(${named.organizationName}) and p.registry_name = ${named.registryName}
      and lower(coalesce(p.namespace, o.name)) = lower(${named.namespace}) and p.name = ${named.name}`)

export const selectOptionalProviderById = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ProviderRow)`
    select ${columns}
    from ${tables}
    where p.id = ${id}`)

export const selectProviders = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(ProviderRow)`
    select ${columns}
    from ${tables}
    where p.id = any(${sql.array([...ids], 'text')})`)

export interface ProviderFilter {
  q: string | null
  registryName: string | null
  organizationName: string | null
}

/** By name. `q` finds parts of name and namespace. */
export async function selectProvidersPage(
  tx: Tx,
  organizationId: string,
  filter: ProviderFilter,
  page: { size: number; offset: number },
) {
  const matching = sql.fragment`
    p.organization_id = ${organizationId}
    and (${filter.q}::text is null or strpos(lower(concat_ws('/', p.namespace, p.name)), lower(${filter.q})) > 0)
    and (${filter.registryName}::text is null or p.registry_name = ${filter.registryName})
    and (${filter.organizationName}::text is null or lower(o.name) = lower(${filter.organizationName}))`
  const rows = await tx.any(sql.type(ProviderRow)`
    select ${columns}
    from ${tables}
    where ${matching}
    order by p.name, p.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from ${tables}
    where ${matching}`)
  return { rows, totalCount: count }
}

/** @throws problem 'invalid_attribute' when the organization has it already */
export async function insertProvider(
  tx: Tx,
  row: { organizationId: string; registryName: RegistryName; namespace: string | null; name: string },
): Promise<string> {
  const id = newId('prov')
  try {
    await tx.query(sql.void`
      insert into registry_providers (id, organization_id, registry_name, namespace, name)
      values (${id}, ${row.organizationId}, ${row.registryName}, ${row.namespace}, ${row.name})`)
  } catch (error) {
    if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error
    throw invalid('name', 'Name has already been taken')
  }
  return id
}

/** Its files go with the next sweep. */
export const deleteProviderRow = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from registry_providers
    where id = ${id}`)
