import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { UserRow, userColumns } from './users.ts'

const AdminRow = UserRow.extend({
  has_password: z.boolean(),
  suspended_at: z.date().nullable(),
  created_at: z.date(),
  organization_count: z.number(),
  total_count: z.number(),
})

/** Every account, by name. */
export async function selectUsersPage(tx: Tx, q: string | null, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(AdminRow)`
    select ${userColumns}, u.password_hash is not null as has_password, u.suspended_at, u.created_at,
      (select count(*)::int from organization_memberships m where m.user_id = u.id) as organization_count,
      count(*) over ()::int as total_count
    from users u
    where ${q}::text is null or strpos(lower(u.username), lower(${q})) > 0 or strpos(lower(u.email), lower(${q})) > 0
    order by lower(u.username), u.id
    limit ${page.size} offset ${page.offset}`)
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}

/** Suspended: signed out, tokens refused, nothing deleted. */
export async function suspendUser(tx: Tx, userId: string, isSuspended: boolean): Promise<void> {
  await tx.query(sql.void`
    update users
    set suspended_at = case when ${isSuspended} then coalesce(suspended_at, now()) end
    where id = ${userId} and not is_service_account`)
  if (isSuspended) await tx.query(sql.void`delete from sessions where user_id = ${userId}`)
}
