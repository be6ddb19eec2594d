import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { offerModule } from './no-code-modules.ts'

export const RegistryName = z.enum(['private', 'public'])
export type RegistryName = z.output<typeof RegistryName>

export const versionStatuses = [
  'pending',
  'cloning',
  'clone_failed',
  'reg_ingress_req_failed',
  'reg_ingressing',
  'reg_ingress_failed',
  'ok',
] as const

const ModuleRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  registry_name: RegistryName,
  namespace: z.string(),
  name: z.string(),
  provider: z.string(),
  /** whether it is offered for workspaces without code */
  no_code: z.boolean(),
  no_code_module_id: z.string().nullable(),
  test_config: z.record(z.string(), z.unknown()),
  /** in no order */
  versions: z.array(z.object({ version: z.string(), status: z.enum(versionStatuses), error: z.string().nullable() })),
  created_at: z.date(),
  updated_at: z.date(),
})
export type RegistryModule = z.output<typeof ModuleRow>

const columns = sql.fragment`
  m.id, m.organization_id, o.name as organization_name, m.registry_name, coalesce(m.namespace, o.name) as namespace,
  m.name, m.provider, coalesce(n.enabled, false) as no_code, n.id as no_code_module_id, m.test_config, m.created_at, m.updated_at,
  coalesce((
    select jsonb_agg(jsonb_build_object('version', v.version, 'status', v.status, 'error', v.error))
    from registry_module_versions v
    where v.module_id = m.id), '[]') as versions`

const tables = sql.fragment`
  registry_modules m
  join organizations o on o.id = m.organization_id and o.deleted_at is null
  left join no_code_modules n on n.module_id = m.id`

/** What names a module in addresses of the API. */
export interface ModuleName {
  organizationName: string
  registryName: string
  namespace: string
  name: string
  provider: string
}

export const selectOptionalModule = (tx: Tx, named: ModuleName) =>
  tx.maybeOne(sql.type(ModuleRow)`
    select ${columns}
    from ${tables}
    where lower(o.name) = lower(${named.organizationName}) and m.registry_name = ${named.registryName}
      and lower(coalesce(m.namespace, o.name)) = lower(${named.namespace})
      and m.name = ${named.name} and m.provider = ${named.provider}`)

export const selectOptionalModuleById = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ModuleRow)`
    select ${columns}
    from ${tables}
    where m.id = ${id}`)

export interface ModuleFilter {
  q: string | null
  provider: string | null
  registryName: string | null
  organizationName: string | null
}

const counted = ModuleRow.extend({ total_count: z.number() })

/** By name. `q` finds parts of name, provider and namespace. */
export async function selectModulesPage(
  tx: Tx,
  organizationId: string,
  filter: ModuleFilter,
  page: { size: number; offset: number },
) {
  const matching = sql.fragment`
    m.organization_id = ${organizationId}
    and (${filter.q}::text is null
      or strpos(lower(concat_ws('/', m.namespace, m.name, m.provider)), lower(${filter.q})) > 0)
    and (${filter.provider}::text is null or m.provider = ${filter.provider})
    and (${filter.registryName}::text is null or m.registry_name = ${filter.registryName})
    and (${filter.organizationName}::text is null or lower(o.name) = lower(${filter.organizationName}))`
  const rows = await tx.any(sql.type(counted)`
    select ${columns}, (select count(*)::int from ${tables} where ${matching}) as total_count
    from ${tables}
    where ${matching}
    order by m.name, m.provider, m.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = rows[0]?.total_count ?? (page.offset === 0 ? 0 : await countModules(tx, matching))
  return { rows, totalCount }
}

const countModules = async (tx: Tx, matching: ReturnType<typeof sql.fragment>): Promise<number> =>
  (
    await tx.one(sql.type(z.object({ count: z.number() }))`
      select count(*)::int as count
      from ${tables}
      where ${matching}`)
  ).count

export interface NewModule {
  organizationId: string
  registryName: RegistryName
  /** null for a private one */
  namespace: string | null
  name: string
  provider: string
  noCode: boolean
}

/** @throws problem 'invalid_attribute' when the organization has it already */
export async function insertModule(tx: Tx, module: NewModule): Promise<string> {
  const id = newId('mod')
  try {
    await tx.query(sql.void`
      insert into registry_modules (id, organization_id, registry_name, namespace, name, provider)
      values (${id}, ${module.organizationId}, ${module.registryName}, ${module.namespace}, ${module.name},
        ${module.provider})`)
  } catch (error) {
    if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error
    throw invalid('name', 'Name has already been taken by a module of this provider')
  }
  if (module.noCode) await offerModule(tx, id, true)
  return id
}

export async function updateModule(
  tx: Tx,
  id: string,
  change: { noCode: boolean | undefined; testConfig: Record<string, unknown> | undefined },
): Promise<void> {
  await tx.query(sql.void`
    update registry_modules
    set test_config = test_config || ${sql.jsonb((change.testConfig ?? {}) as never)}, updated_at = now()
    where id = ${id}`)
  if (change.noCode !== undefined) await offerModule(tx, id, change.noCode)
}

const DeletedRow = z.object({ id: z.string() })

/**
 * Deletes the modules of that name; what is null may be anything. Archives go with the next sweep.
 * @throws problem 'not_found' when there is none
 */
export async function deleteModules(
  tx: Tx,
  named: {
    organizationId: string
    registryName: string | null
    namespace: string | null
    name: string
    provider: string | null
  },
): Promise<void> {
  const deleted = await tx.any(sql.type(DeletedRow)`
    delete from registry_modules m
    using organizations o
    where o.id = m.organization_id and m.organization_id = ${named.organizationId}
      and m.name = ${named.name}
      and (${named.registryName}::text is null or m.registry_name = ${named.registryName})
      and (${named.namespace}::text is null or lower(coalesce(m.namespace, o.name)) = lower(${named.namespace}))
      and (${named.provider}::text is null or m.provider = ${named.provider})
    returning m.id`)
  if (deleted.length === 0) throw problem('not_found')
}
