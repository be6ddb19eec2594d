import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { insertUser } from '../users/users.ts'
import type { Team } from './queries.ts'

const IdRow = z.object({ id: z.string() })

export const MembershipRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  user_id: z.string(),
  email: z.string(),
  status: z.enum(['active', 'invited']),
  created_at: z.date(),
  team_ids: z.array(z.string()),
})
export type Membership = z.output<typeof MembershipRow>

const columns = sql.fragment`
  m.id, m.organization_id, o.name as organization_name, m.user_id, m.email, m.status, m.created_at,
  array(
    select t.id
    from team_members tm
    join teams t on t.id = tm.team_id
    where tm.user_id = m.user_id and t.organization_id = m.organization_id
    order by t.id) as team_ids`
const tables = sql.fragment`
  organization_memberships m
  join organizations o on o.id = m.organization_id and o.deleted_at is null
  join users u on u.id = m.user_id`

export const selectOptionalMembership = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(MembershipRow)`
    select ${columns}
    from ${tables}
    where m.id = ${id}`)

/** Memberships by id, in no order; for includes. */
export const selectMemberships = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(MembershipRow)`
    select ${columns}
    from ${tables}
    where m.id = any(${sql.array([...ids], 'text')})`)

const CountedRow = MembershipRow.extend({ total_count: z.number() })

export async function selectMembershipsPage(
  tx: Tx,
  filter: {
    organizationId: string | null
    userId: string | null
    emails: readonly string[] | null
    status: string | null
    q: string | null
  },
  page: { size: number; offset: number },
): Promise<{ rows: readonly Membership[]; totalCount: number }> {
  const rows = await tx.any(sql.type(CountedRow)`
    select ${columns}, count(*) over ()::int as total_count
    from ${tables}
    where (${filter.organizationId}::text is null or m.organization_id = ${filter.organizationId})
      and (${filter.userId}::text is null or m.user_id = ${filter.userId})
      and (${filter.emails === null} or lower(m.email) = any(${sql.array(
        (filter.emails ?? []).map((e) => e.toLowerCase()),
        'text',
      )}))
      and (${filter.status}::text is null or m.status = ${filter.status})
      and (${filter.q}::text is null or strpos(lower(m.email), lower(${filter.q})) > 0
        or strpos(lower(u.username), lower(${filter.q})) > 0)
    order by m.created_at, m.id
    limit ${page.size} offset ${page.offset}`)
  // a page past the end knows no count of its own
  const totalCount =
    rows[0]?.total_count ??
    (page.offset === 0 ? 0 : (await selectMembershipsPage(tx, filter, { size: 1, offset: 0 })).totalCount)
  return { rows, totalCount }
}

/**
 * Makes somebody a member: at once when they have an account, else as invited, with an account that waits for its
 * owner (no password, no sign-in).
 */
export async function inviteMember(
  tx: Tx,
  organizationId: string,
  email: string,
  teamIds: readonly string[],
): Promise<string> {
  if (email.length > 254 || !/^[^@\s]+@[^@\s]+$/.test(email)) throw invalid('email', 'Email is not an e-mail address')
  const known = await tx.maybeOne(sql.type(IdRow.extend({ waits: z.boolean() }))`
    select id,
      password_hash is null and not is_service_account
        and not exists (select 1 from user_identities i where i.user_id = users.id) as waits
    from users
    where lower(email) = lower(${email})`)
  const userId = known?.id ?? (await insertUser(tx, { username: newId('invited'), email, passwordHash: null }))
  const id = newId('ou')
  const made = await tx.maybeOne(sql.type(IdRow)`
    insert into organization_memberships (id, organization_id, user_id, email, status)
    values (${id}, ${organizationId}, ${userId}, ${email}, ${known && !known.waits ? 'active' : 'invited'})
    on conflict do nothing
    returning id`)
  if (!made) throw invalid('email', 'Email has already been taken: they are a member or invited already')
  if (teamIds.length > 0) {
    await tx.query(sql.void`
      insert into team_members (team_id, user_id)
      select t.id, ${userId}
      from teams t
      where t.organization_id = ${organizationId} and t.id = any(${sql.array([...teamIds], 'text')})
      on conflict (team_id, user_id) do update set identity_id = null`)
  }
  return id
}

/** Out of the organization and of its teams. @throws problem 'forbidden' for the last owner */
export async function removeMember(tx: Tx, membership: Membership): Promise<void> {
  const owners = await tx.one(sql.type(IdRow)`
    select id
    from teams
    where organization_id = ${membership.organization_id} and is_owners
    for update`)
  await requireOwnerLeft(tx, owners.id, [membership.user_id])
  await tx.query(sql.void`
    delete from team_members tm
    using teams t
    where t.id = tm.team_id and t.organization_id = ${membership.organization_id} and tm.user_id = ${membership.user_id}`)
  await tx.query(sql.void`
    delete from organization_memberships
    where id = ${membership.id}`)
}

/** User ids of members of the organization, found by username, user id or membership id. */
async function memberIds(tx: Tx, team: Team, given: readonly string[]): Promise<string[]> {
  const names = sql.array([...given], 'text')
  const rows = await tx.any(sql.type(IdRow)`
    select distinct u.id
    from organization_memberships m
    join users u on u.id = m.user_id
    where m.organization_id = ${team.organization_id}
      and (u.username = any(${names}) or u.id = any(${names}) or m.id = any(${names}))`)
  if (rows.length < new Set(given).size) throw problem('not_found', 'One of these is not a member of the organization.')
  return rows.map((r) => r.id)
}

/** Who came by a group of a sign-in provider stays from now on without it. */
export async function addTeamMembers(tx: Tx, team: Team, given: readonly string[]): Promise<void> {
  const ids = await memberIds(tx, team, given)
  await tx.query(sql.void`
    insert into team_members (team_id, user_id)
    select ${team.id}, id
    from unnest(${sql.array(ids, 'text')}) as x (id)
    on conflict (team_id, user_id) do update set identity_id = null`)
}

/** @throws problem 'forbidden' when no owner would be left */
export async function removeTeamMembers(tx: Tx, team: Team, given: readonly string[]): Promise<void> {
  const ids = await memberIds(tx, team, given)
  if (team.is_owners) {
    await tx.one(sql.type(IdRow)`
      select id
      from teams
      where id = ${team.id}
      for update`)
    await requireOwnerLeft(tx, team.id, ids)
  }
  await tx.query(sql.void`
    delete from team_members
    where team_id = ${team.id} and user_id = any(${sql.array(ids, 'text')})`)
}

/** The team's row must be locked: of two owners who leave at once, one stays. */
export async function requireOwnerLeft(tx: Tx, ownersTeamId: string, leaving: readonly string[]): Promise<void> {
  const counts = await tx.one(sql.type(z.object({ staying: z.number(), leaving: z.number() }))`
    select
      count(*) filter (where not (tm.user_id = any(${sql.array([...leaving], 'text')})) and m.status = 'active')::int as staying,
      count(*) filter (where tm.user_id = any(${sql.array([...leaving], 'text')}))::int as leaving
    from team_members tm
    join teams t on t.id = tm.team_id
    join organization_memberships m on m.organization_id = t.organization_id and m.user_id = tm.user_id
    where tm.team_id = ${ownersTeamId}`)
  if (counts.leaving > 0 && counts.staying === 0)
    throw problem('forbidden', 'They are the last owner. Make somebody else an owner first.')
}
