import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

export const OrganizationRow = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  settings: z.record(z.string(), z.unknown()),
  created_at: z.date(),
  default_project_id: z.string().nullable(),
  retention_policy: z.object({ id: z.string(), days: z.number().nullable() }).nullable(),
})
export type Organization = z.output<typeof OrganizationRow>

export const organizationColumns = sql.fragment`
  o.id, o.name, o.email, o.settings, o.created_at,
  (select p.id from projects p where p.organization_id = o.id and p.is_default) as default_project_id,
  (select jsonb_build_object('id', d.id, 'days', d.days)
   from data_retention_policies d
   where d.organization_id = o.id) as retention_policy`

export const selectOptionalOrganizationByName = (tx: Tx, name: string) =>
  tx.maybeOne(sql.type(OrganizationRow)`
    select ${organizationColumns}
    from organizations o
    where lower(o.name) = lower(${name}) and o.deleted_at is null`)

export const selectOrganization = (tx: Tx, id: string) =>
  tx.one(sql.type(OrganizationRow)`
    select ${organizationColumns}
    from organizations o
    where o.id = ${id}`)

/** Organizations by id, in no order; for includes. */
export const selectOrganizations = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(OrganizationRow)`
    select ${organizationColumns}
    from organizations o
    where o.id = any(${sql.array([...ids], 'text')})`)

const counted = OrganizationRow.extend({ total_count: z.number() })

/** The organizations a user belongs to, or all of them (site admin: userId null), by name. */
export async function selectOrganizationsPage(
  tx: Tx,
  filter: { userId: string | null; organizationId: string | null; q: string | null },
  page: { size: number; offset: number },
) {
  const rows = await tx.any(sql.type(counted)`
    select ${organizationColumns}, count(*) over ()::int as total_count
    from organizations o
    where o.deleted_at is null
      and (${filter.userId}::text is null or exists (
        select 1
        from organization_memberships m
        where m.organization_id = o.id and m.user_id = ${filter.userId} and m.status = 'active'))
      and (${filter.organizationId}::text is null or o.id = ${filter.organizationId})
      and (${filter.q}::text is null or strpos(lower(o.name), lower(${filter.q})) > 0
        or strpos(lower(o.email), lower(${filter.q})) > 0)
    order by lower(o.name), o.id
    limit ${page.size} offset ${page.offset}`)
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}

const NameRow = z.object({ id: z.string(), name: z.string() })

/** Names of organizations of a user, or of all of them (userId null), by name; the one named is first. */
export const selectOrganizationNames = (
  tx: Tx,
  filter: { userId: string | null; firstId: string | null },
  limit: number,
) =>
  tx.any(sql.type(NameRow)`
    select o.id, o.name
    from organizations o
    where o.deleted_at is null
      and (${filter.userId}::text is null or exists (
        select 1
        from organization_memberships m
        where m.organization_id = o.id and m.user_id = ${filter.userId} and m.status = 'active'))
    order by coalesce(o.id = ${filter.firstId}, false) desc, lower(o.name), o.id
    limit ${limit}`)

export const insertOrganization = (
  tx: Tx,
  row: { id: string; name: string; email: string; settings: Record<string, unknown> },
) =>
  tx.query(sql.void`
    insert into organizations (id, name, email, settings)
    values (${row.id}, ${row.name}, ${row.email}, ${sql.jsonb(row.settings as never)})`)

export const updateOrganizationRow = (
  tx: Tx,
  row: { id: string; name: string; email: string; settings: Record<string, unknown> },
) =>
  tx.query(sql.void`
    update organizations
    set name = ${row.name}, email = ${row.email}, settings = ${sql.jsonb(row.settings as never)}, updated_at = now()
    where id = ${row.id}`)

/** Invisible from now on; a job removes the rows. */
export const markOrganizationDeleted = (tx: Tx, id: string) =>
  tx.query(sql.void`
    update organizations
    set deleted_at = now()
    where id = ${id}`)
