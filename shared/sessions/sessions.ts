import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** A browser session. The cookie holds its id, the table only the SHA-256 of it. */
const SessionRow = z.object({
  user_id: z.string(),
  username: z.string(),
  email: z.string().nullable(),
  is_site_admin: z.boolean(),
  csrf_token: z.string(),
  seen_lately: z.boolean(),
})
export type Session = z.output<typeof SessionRow> & { id: string }

const IDLE_DAYS = 14
const LONGEST_DAYS = 60

const hashOf = (id: string): Buffer => createHash('sha256').update(id).digest()
const secretText = (): string => randomBytes(32).toString('base64url')

export async function insertSession(
  tx: Tx,
  session: { userId: string; userAgent: string; address: string },
): Promise<{ id: string; csrfToken: string }> {
  const id = secretText()
  const csrfToken = secretText()
  await tx.query(sql.void`
    insert into sessions (id_hash, user_id, csrf_token, user_agent, address, expires_at)
    values (${sql.binary(hashOf(id))}, ${session.userId}, ${csrfToken}, ${session.userAgent.slice(0, 300)}, ${session.address},
      now() + make_interval(days => ${IDLE_DAYS}))`)
  await tx.query(sql.void`
    delete from sessions
    where expires_at < now()`)
  return { id, csrfToken }
}

/**
 * The session behind a cookie; null when it ended or its user may not sign in. Using it keeps it alive, within the
 * limits of the user's organizations (session-timeout, session-remember, minutes): the shortest counts. Use is written
 * down once a minute, so idle time has a minute more.
 */
export async function selectOptionalSession(tx: Tx, id: string): Promise<Session | null> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(id)) return null
  const row = await tx.maybeOne(sql.type(SessionRow)`
    select s.user_id, u.username, u.email, u.is_site_admin, s.csrf_token,
      s.last_seen_at > now() - interval '1 minute' as seen_lately
    from sessions s
    join users u on u.id = s.user_id
    left join lateral (
      select min((o.settings ->> 'session-timeout')::int) as idle, min((o.settings ->> 'session-remember')::int) as longest
      from organization_memberships m
      join organizations o on o.id = m.organization_id and o.deleted_at is null
      where m.user_id = s.user_id and m.status = 'active') l on true
    where s.id_hash = ${sql.binary(hashOf(id))} and s.expires_at > now() and u.suspended_at is null
      and (l.idle is null or s.last_seen_at > now() - make_interval(mins => l.idle + 1))
      and (l.longest is null or s.created_at > now() - make_interval(mins => l.longest))`)
  if (!row) return null
  if (!row.seen_lately) {
    await tx.query(sql.void`
      update sessions
      set last_seen_at = now(),
        expires_at = least(now() + make_interval(days => ${IDLE_DAYS}), created_at + make_interval(days => ${LONGEST_DAYS}))
      where id_hash = ${sql.binary(hashOf(id))}`)
  }
  return { ...row, id }
}

export const deleteSession = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from sessions
    where id_hash = ${sql.binary(hashOf(id))}`)

/** Ends every session of a user but one: after a change of the password. */
export const deleteOtherSessions = (tx: Tx, userId: string, keepId: string | null) =>
  tx.query(sql.void`
    delete from sessions
    where user_id = ${userId}
      and (${keepId}::text is null or id_hash <> ${sql.binary(hashOf(keepId ?? ''))})`)

const OwnRow = z.object({
  handle: z.string(),
  user_agent: z.string(),
  address: z.string(),
  created_at: z.date(),
  last_seen_at: z.date(),
})

/** The browsers that a user is signed in with. `handle` names one without being worth anything as a cookie. */
export const selectSessionsOfUser = (tx: Tx, userId: string) =>
  tx.any(sql.type(OwnRow)`
    select encode(id_hash, 'hex') as handle, user_agent, address, created_at, last_seen_at
    from sessions
    where user_id = ${userId} and expires_at > now()
    order by last_seen_at desc, id_hash
    limit 100`)

export const handleOf = (session: Session): string => hashOf(session.id).toString('hex')

export const deleteSessionOfUser = (tx: Tx, userId: string, handle: string) =>
  tx.query(sql.void`
    delete from sessions
    where user_id = ${userId} and encode(id_hash, 'hex') = ${handle}`)
