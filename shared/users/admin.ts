import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { problem } from '../errors.ts'
import { UserRow, userColumns } from './users.ts'

const AdminRow = UserRow.extend({
  has_password: z.boolean(),
  suspended_at: z.date().nullable(),
  created_at: z.date(),
  organization_count: z.number(),
  organization_ids: z.array(z.string()),
  organization_names: z.array(z.string()),
})
export type AdminUser = z.output<typeof AdminRow>

const columns = sql.fragment`
  ${userColumns}, u.password_hash is not null as has_password, u.suspended_at, u.created_at,
  m.ids as organization_ids, m.names as organization_names, cardinality(m.ids) as organization_count`

const from = sql.fragment`
  from users u
  cross join lateral (
    select coalesce(array_agg(o.id order by o.name), '{}') as ids, coalesce(array_agg(o.name order by o.name), '{}') as names
    from organization_memberships m
    join organizations o on o.id = m.organization_id and o.deleted_at is null
    where m.user_id = u.id) m`

export interface UserFilter {
  q: string | null
  isAdmin?: boolean | null
  isSuspended?: boolean | null
}

function conditions({ q, isAdmin, isSuspended }: UserFilter): FragmentSqlToken {
  const parts = [sql.fragment`true`]
  if (q)
    parts.push(sql.fragment`(strpos(lower(u.username), lower(${q})) > 0 or strpos(lower(u.email), lower(${q})) > 0)`)
  if (typeof isAdmin === 'boolean') parts.push(sql.fragment`u.is_site_admin = ${isAdmin}`)
  if (typeof isSuspended === 'boolean') parts.push(sql.fragment`(u.suspended_at is not null) = ${isSuspended}`)
  return sql.join(parts, sql.fragment` and `) as unknown as FragmentSqlToken
}

/** Every account, by name. */
export async function selectUsersPage(tx: Tx, filter: UserFilter, page: { size: number; offset: number }) {
  const where = conditions(filter)
  const rows = await tx.any(sql.type(AdminRow)`
    select ${columns} ${from}
    where ${where}
    order by lower(u.username), u.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from users u
    where ${where}`)
  return { rows, totalCount }
}

export const selectOptionalAdminUser = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(AdminRow)`
    select ${columns} ${from}
    where u.id = ${id}`)

/** Suspended: signed out, tokens refused, nothing deleted. */
export async function suspendUser(tx: Tx, userId: string, isSuspended: boolean): Promise<void> {
  await tx.query(sql.void`
    update users
    set suspended_at = case when ${isSuspended} then coalesce(suspended_at, now()) end
    where id = ${userId} and not is_service_account`)
  if (isSuspended) await tx.query(sql.void`delete from sessions where user_id = ${userId}`)
}

export const setSiteAdmin = (tx: Tx, userId: string, isSiteAdmin: boolean) =>
  tx.query(sql.void`
    update users
    set is_site_admin = ${isSiteAdmin}, updated_at = now()
    where id = ${userId}`)

/**
 * Removes an account with its tokens, sessions and memberships; what it made stays, without a name.
 * @throws problem 'conflict' while it is the only owner of an organization
 */
export async function deleteUser(tx: Tx, userId: string): Promise<void> {
  const only = await tx.maybeOne(sql.type(z.object({ name: z.string() }))`
    select o.name
    from teams t
    join organizations o on o.id = t.organization_id and o.deleted_at is null
    join team_members m on m.team_id = t.id and m.user_id = ${userId}
    where t.is_owners
      and not exists (select 1 from team_members x where x.team_id = t.id and x.user_id <> ${userId})
    limit 1`)
  if (only) throw problem('conflict', `The user is the only owner of ${only.name}. Give it another owner first.`)
  await tx.query(sql.void`delete from users where id = ${userId}`)
}
