import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { deleteOtherSessions } from '../sessions/sessions.ts'
import { checkPassword, hashPassword, selectPasswordHash, type User, updatePassword, updateUserRow } from './users.ts'

const SHORTEST_PASSWORD = 10
const LONGEST_PASSWORD = 1000

/** @throws problem 'invalid_attribute' for a name or an address that is taken or cannot be one */
export async function updateAccount(
  tx: Tx,
  user: User,
  change: { username?: string | undefined; email?: string | undefined },
): Promise<void> {
  const username = change.username ?? user.username
  const email = change.email ?? user.email
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(username))
    throw invalid('username', 'Username may only contain letters, numbers, dashes, underscores and dots')
  if (email !== null && (email.length > 254 || !/^[^@\s]+@[^@\s]+$/.test(email)))
    throw invalid('email', 'Email is not an e-mail address')
  try {
    await updateUserRow(tx, user.id, { username, email })
  } catch (error) {
    if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error
    if (error.constraint === 'users_email') throw invalid('email', 'Email has already been taken')
    throw invalid('username', 'Username has already been taken')
  }
}

/** Also ends the user's other sessions. `keepSessionId` null ends all. */
export async function changePassword(
  app: App,
  userId: string,
  given: { current: string; next: string },
  keepSessionId: string | null,
): Promise<void> {
  if (given.next.length < SHORTEST_PASSWORD || given.next.length > LONGEST_PASSWORD)
    throw invalid('password', `Password must have ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters`)
  const { password_hash } = await selectPasswordHash(app.db, userId)
  if (given.current.length > LONGEST_PASSWORD || !(await checkPassword(given.current, password_hash)))
    throw invalid('current-password', 'Current password is wrong')
  const next = await hashPassword(given.next)
  await app.db.transaction(async (tx) => {
    await updatePassword(tx, userId, next)
    await deleteOtherSessions(tx, userId, keepSessionId)
  })
}

/** Whether two people are members of one organization. */
export const shareAnOrganization = (tx: Tx, userId: string, otherId: string) =>
  tx.exists(sql.type(z.object({ one: z.number() }))`
    select 1 as one
    from organization_memberships a
    join organization_memberships b on b.organization_id = a.organization_id and b.status = 'active'
    join organizations o on o.id = a.organization_id and o.deleted_at is null
    where a.user_id = ${userId} and b.user_id = ${otherId} and a.status = 'active'`)
