import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** How long a sign-in may take at the provider. */
export const FLOW_SECONDS = 600

/** Whether this is the first time that a sign-in comes back: of two with the same state, one counts. */
export async function isFirstReturn(tx: Tx, state: string): Promise<boolean> {
  const hash = createHash('sha256').update(state).digest()
  await tx.query(sql.void`
    delete from sign_in_returns
    where expires_at < now()`)
  const made = await tx.maybeOne(sql.type(z.object({ first: z.boolean() }))`
    insert into sign_in_returns (state_hash, expires_at)
    values (${sql.binary(hash)}, now() + make_interval(secs => ${FLOW_SECONDS * 2}))
    on conflict do nothing
    returning true as first`)
  return made !== null
}
