import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** A number for a form that must not act twice. */
export const newNonce = (): string => randomBytes(16).toString('base64url')

const ResultRow = z.object({ result: z.string() })

/**
 * Does it once for all forms with this nonce, however close together they come: the second waits for the first's
 * transaction and answers its result. In a transaction; when `act` throws, the form may be sent again.
 */
export async function once(tx: Tx, userId: string, nonce: string, act: () => Promise<string>): Promise<string> {
  if (!/^[A-Za-z0-9_-]{22}$/.test(nonce)) return act()
  await tx.query(sql.void`
    delete from form_uses
    where created_at < now() - interval '1 day'`)
  const first = await tx.maybeOne(sql.type(ResultRow)`
    insert into form_uses (nonce, user_id, result)
    values (${nonce}, ${userId}, '')
    on conflict do nothing
    returning result`)
  if (!first) {
    const { result } = await tx.one(sql.type(ResultRow)`
      select result
      from form_uses
      where user_id = ${userId} and nonce = ${nonce}`)
    return result
  }
  const result = await act()
  await tx.query(sql.void`
    update form_uses
    set result = ${result}
    where user_id = ${userId} and nonce = ${nonce}`)
  return result
}
