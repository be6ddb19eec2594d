import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { problem } from '../errors.ts'

const WINDOW_MINUTES = 15
const MOST_PER_ACCOUNT = 10
const MOST_PER_ADDRESS = 100

const CountRow = z.object({ failures: z.number() })

const keyHash = (kind: 'account' | 'address', value: string): Buffer =>
  createHash('sha256').update(`${kind}:${value.toLowerCase()}`).digest()

/**
 * Counts an attempt before the password is looked at, so that many at the same time are bounded too.
 * Unknown accounts are counted like known ones: the refusal tells nothing.
 * @throws problem 'too_many_requests' when the account or the address had too many
 */
export async function countAttempt(tx: Tx, login: string, address: string): Promise<void> {
  const account = await countUp(tx, keyHash('account', login))
  const from = await countUp(tx, keyHash('address', address))
  if (account > MOST_PER_ACCOUNT || from > MOST_PER_ADDRESS) throw tooMany()
}

/** The same for a sign-in at another place, where the account is known only after it. */
export async function countAddress(tx: Tx, address: string): Promise<void> {
  if ((await countUp(tx, keyHash('address', address))) > MOST_PER_ADDRESS) throw tooMany()
}

const tooMany = () => problem('too_many_requests', `Too many attempts. Wait ${WINDOW_MINUTES} minutes, then try again.`)

async function countUp(tx: Tx, key: Buffer): Promise<number> {
  const row = await tx.one(sql.type(CountRow)`
    insert into sign_in_attempts as a (key_hash, failures, window_ends_at)
    values (${sql.binary(key)}, 1, now() + make_interval(mins => ${WINDOW_MINUTES}))
    on conflict (key_hash) do update
    set failures = case when a.window_ends_at < now() then 1 else least(a.failures + 1, 1000000) end,
      window_ends_at = case when a.window_ends_at < now() then excluded.window_ends_at else a.window_ends_at end
    returning failures`)
  return row.failures
}

/** A right password: the account starts from nothing, and its attempt does not count against the address. */
export async function forgetAttempts(tx: Tx, login: string, address: string): Promise<void> {
  await tx.query(sql.void`
    delete from sign_in_attempts
    where key_hash = ${sql.binary(keyHash('account', login))} or window_ends_at < now()`)
  await forgetAddress(tx, address)
}

export const forgetAddress = (tx: Tx, address: string) =>
  tx.query(sql.void`
    update sign_in_attempts
    set failures = greatest(failures - 1, 0)
    where key_hash = ${sql.binary(keyHash('address', address))}`)
