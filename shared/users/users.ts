import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'

const hash = promisify(argon2) as (algorithm: string, options: object) => Promise<Buffer>

// OWASP's second recommended set for Argon2id (19 MiB, 2 passes)
const cost = { parallelism: 1, tagLength: 32, memory: 19_456, passes: 2 }

/** `argon2id$<memory KiB>$<passes>$<salt base64url>$<tag base64url>` */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16)
  const tag = await hash('argon2id', { ...cost, message: password, nonce })
  return ['argon2id', cost.memory, cost.passes, nonce.toString('base64url'), tag.toString('base64url')].join('$')
}

/** False for a wrong password, and for an account without one (after the same work, so that neither shows). */
export async function checkPassword(password: string, stored: string | null): Promise<boolean> {
  const [, memory, passes, salt, tag] = (stored ?? (await decoy)).split('$')
  const nonce = Buffer.from(salt!, 'base64url')
  const found = await hash('argon2id', {
    ...cost,
    memory: Number(memory),
    passes: Number(passes),
    message: password,
    nonce,
  })
  return stored !== null && timingSafeEqual(found, Buffer.from(tag!, 'base64url'))
}

const decoy = hashPassword('decoy')

export const UserRow = z.object({
  id: z.string(),
  username: z.string(),
  email: z.string().nullable(),
  is_site_admin: z.boolean(),
  is_service_account: z.boolean(),
})
export type User = z.output<typeof UserRow>

export const userColumns = sql.fragment`u.id, u.username, u.email, u.is_site_admin, u.is_service_account`

export const selectUsers = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(UserRow)`
    select ${userColumns}
    from users u
    where u.id = any(${sql.array([...ids], 'text')})`)

export const selectOptionalUser = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(UserRow)`
    select ${userColumns}
    from users u
    where u.id = ${id}`)

export async function insertUser(
  tx: Tx,
  user: {
    username: string
    email: string | null
    passwordHash: string | null
    isSiteAdmin?: boolean
    isServiceAccount?: boolean
  },
): Promise<string> {
  const id = newId('user')
  await tx.query(sql.void`
    insert into users (id, username, email, password_hash, is_site_admin, is_service_account)
    values (${id}, ${user.username}, ${user.email}, ${user.passwordHash}, ${user.isSiteAdmin ?? false}, ${user.isServiceAccount ?? false})`)
  return id
}

/** Who signs in as `login` (username or e-mail address) with a password. */
export const selectOptionalLogin = (tx: Tx, login: string) =>
  tx.maybeOne(sql.type(z.object({ id: z.string(), password_hash: z.string().nullable() }))`
    select u.id, u.password_hash
    from users u
    where (lower(u.username) = lower(${login}) or lower(u.email) = lower(${login}))
      and u.suspended_at is null and not u.is_service_account
    order by (lower(u.username) = lower(${login})) desc
    limit 1`)

export const updatePassword = (tx: Tx, userId: string, passwordHash: string) =>
  tx.query(sql.void`
    update users
    set password_hash = ${passwordHash}, updated_at = now()
    where id = ${userId}`)

export const selectPasswordHash = (tx: Tx, userId: string) =>
  tx.one(sql.type(z.object({ password_hash: z.string().nullable() }))`
    select password_hash
    from users
    where id = ${userId}`)

export const updateUserRow = (tx: Tx, userId: string, change: { username: string; email: string | null }) =>
  tx.query(sql.void`
    update users
    set username = ${change.username}, email = ${change.email}, updated_at = now()
    where id = ${userId}`)
