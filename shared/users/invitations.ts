import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { deleteOtherSessions } from '../sessions/sessions.ts'
import { updateAccount } from './account.ts'
import { hashPassword, selectOptionalUser, type User, updatePassword } from './users.ts'

/**
 * A link with which somebody sets the password of one account, once: what is signed holds the present password, so
 * that it is worth nothing after the password changed. Only site admins make them: whoever has the link becomes the
 * owner of the account and of its e-mail address.
 */
const HOURS = 72

const StoredRow = z.object({ password_hash: z.string().nullable() })

const presentPassword = (tx: Tx, userId: string) =>
  tx.maybeOne(sql.type(StoredRow)`
    select coalesce(password_hash,
      -- who took the account by single sign-on made former links worthless too
      (select min(i.id) from user_identities i where i.user_id = users.id)) as password_hash
    from users
    where id = ${userId} and suspended_at is null and not is_service_account`)

const signed = (userId: string, expires: number, hash: string | null): string => `${userId}.${expires}.${hash ?? ''}`

/** `user-….<seconds>.<signature>`: the last part of the address. */
export async function invitationCode(app: App, userId: string): Promise<string> {
  const row = await presentPassword(app.db, userId)
  if (!row) throw problem('not_found')
  const expires = Math.floor(app.now().getTime() / 1000) + HOURS * 3600
  return `${userId}.${expires}.${app.secrets.sign(signed(userId, expires, row.password_hash), 'invitation')}`
}

/** @throws problem 'gone' for a code that was used, has expired or was never made */
export async function userOfInvitation(app: App, code: string): Promise<User> {
  const [userId, seconds, signature] = code.split('.')
  const expires = Number(seconds)
  const row = userId ? await presentPassword(app.db, userId) : null
  const isGood =
    row !== null &&
    expires * 1000 > app.now().getTime() &&
    app.secrets.verify(signed(userId!, expires, row.password_hash), 'invitation', signature ?? '')
  const user = isGood ? await selectOptionalUser(app.db, userId!) : null
  if (!user) throw problem('gone', 'This link was used already, or it is too old. Ask a site admin for a new one.')
  return user
}

/** Sets name and password, ends former sessions, and makes what the person was invited to theirs. */
export async function acceptInvitation(
  app: App,
  code: string,
  chosen: { username: string; password: string },
): Promise<string> {
  const user = await userOfInvitation(app, code)
  const passwordHash = await hashPassword(chosen.password)
  await app.db.transaction(async (tx) => {
    await updateAccount(tx, user, { username: chosen.username })
    await updatePassword(tx, user.id, passwordHash)
    await deleteOtherSessions(tx, user.id, null)
    await tx.query(sql.void`
      update organization_memberships
      set status = 'active'
      where user_id = ${user.id} and status = 'invited'`)
  })
  return user.id
}
