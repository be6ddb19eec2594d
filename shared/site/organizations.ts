import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid, problem } from '../errors.ts'
import { OrganizationRow, organizationColumns } from '../organizations/queries.ts'
import { UserRow, userColumns } from '../users/users.ts'

/** What site admins set on an organization. */
const timeLimit = z.string().regex(/^\d{1,5}[hms]$/, 'is a number and a unit: h, m or s')
export const AdminOrganizationInput = z.object({
  'access-beta-tools': z.boolean().optional(),
  'global-module-sharing': z.boolean().nullable().optional(),
  'global-provider-sharing': z.boolean().nullable().optional(),
  'is-disabled': z.boolean().optional(),
  /** runs that take longer are canceled; null: the limit of the general settings */
  'apply-timeout': timeLimit.nullable().optional(),
  'plan-timeout': timeLimit.nullable().optional(),
  'terraform-build-worker-apply-timeout': timeLimit.nullable().optional(),
  'terraform-build-worker-plan-timeout': timeLimit.nullable().optional(),
  'terraform-worker-sudo-enabled': z.boolean().optional(),
  /** null: the limit of the general settings; 0: none */
  'workspace-limit': z.number().int().min(0).nullable().optional(),
})
export type AdminOrganizationInput = z.output<typeof AdminOrganizationInput>

const Row = OrganizationRow.extend({
  is_disabled: z.boolean(),
  admin_settings: z.record(z.string(), z.unknown()),
  owner_ids: z.array(z.string()),
})
export type AdminOrganization = z.output<typeof Row>

const columns = sql.fragment`
  ${organizationColumns}, o.is_disabled, o.admin_settings,
  array(
    select m.user_id
    from teams t
    join team_members m on m.team_id = t.id
    where t.organization_id = o.id and t.is_owners
    order by m.created_at, m.user_id) as owner_ids`

export async function selectAdminOrganizationsPage(
  tx: Tx,
  filter: { q: string | undefined; consumersOf?: string },
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    o.deleted_at is null
    and (${filter.q ?? null}::text is null
      or strpos(lower(o.name), lower(${filter.q ?? null})) > 0 or strpos(lower(o.email), lower(${filter.q ?? null})) > 0)
    and (${filter.consumersOf ?? null}::text is null or exists (
      select 1 from module_consumers c where c.organization_id = ${filter.consumersOf ?? null} and c.consumer_id = o.id))`
  const rows = await tx.any(sql.type(Row)`
    select ${columns}
    from organizations o
    where ${where}
    order by lower(o.name), o.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from organizations o
    where ${where}`)
  return { rows, totalCount }
}

export const selectAdminOrganization = (tx: Tx, id: string) =>
  tx.one(sql.type(Row)`
    select ${columns}
    from organizations o
    where o.id = ${id}`)

/** Owners of several organizations, for includes. */
export const selectOwners = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(UserRow)`
    select ${userColumns}
    from users u
    where u.id = any(${sql.array([...ids], 'text')})`)

export async function updateAdminOrganization(tx: Tx, id: string, input: AdminOrganizationInput): Promise<void> {
  const {
    'is-disabled': isDisabled,
    'terraform-build-worker-apply-timeout': oldApply,
    'terraform-build-worker-plan-timeout': oldPlan,
    ...rest
  } = input
  const settings = { 'apply-timeout': oldApply, 'plan-timeout': oldPlan, ...defined(rest) }
  await tx.query(sql.void`
    update organizations
    set is_disabled = coalesce(${isDisabled ?? null}, is_disabled),
      admin_settings = admin_settings || ${sql.jsonb(defined(settings) as never)},
      updated_at = now()
    where id = ${id}`)
}

const defined = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

/** Makes these the only organizations that may install the modules; sharing with all ends. */
export async function replaceModuleConsumers(tx: Tx, organizationId: string, names: readonly string[]): Promise<void> {
  const lower = [...new Set(names.map((name) => name.toLowerCase()))]
  const found = await tx.any(sql.type(z.object({ id: z.string(), name: z.string() }))`
    select id, lower(name) as name
    from organizations
    where lower(name) = any(${sql.array(lower, 'text')}) and deleted_at is null`)
  const missing = lower.find((name) => !found.some((o) => o.name === name))
  if (missing) throw invalid('module-consumers', `Organization ${missing} not found`)
  if (found.some((o) => o.id === organizationId))
    throw problem('invalid_attribute', 'An organization is no consumer of itself.')
  await tx.query(sql.void`delete from module_consumers where organization_id = ${organizationId}`)
  await tx.query(sql.void`
    insert into module_consumers (organization_id, consumer_id)
    select ${organizationId}, id
    from unnest(${sql.array(
      found.map((o) => o.id),
      'text',
    )}) as id`)
  await tx.query(sql.void`
    update organizations
    set admin_settings = admin_settings || '{"global-module-sharing": false}'
    where id = ${organizationId}`)
}
