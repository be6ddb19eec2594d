import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'

const IdentityRow = z.object({
  id: z.string(),
  provider_id: z.string(),
  user_id: z.string(),
  subject: z.string(),
})
export type Identity = z.output<typeof IdentityRow>

export const selectOptionalIdentity = (tx: Tx, providerId: string, subject: string) =>
  tx.maybeOne(sql.type(IdentityRow)`
    select id, provider_id, user_id, subject
    from user_identities
    where provider_id = ${providerId} and subject = ${subject}`)

export const insertIdentity = (
  tx: Tx,
  identity: { providerId: string; subject: string; userId: string; email: string | null },
) =>
  tx.one(sql.type(IdentityRow)`
    insert into user_identities (id, provider_id, subject, user_id, email)
    values (${newId('ident')}, ${identity.providerId}, ${identity.subject}, ${identity.userId}, ${identity.email})
    returning id, provider_id, user_id, subject`)

/** Where somebody signs in beside a password, for the page of the account. */
export const selectIdentitiesOfUser = (tx: Tx, userId: string) =>
  tx.any(sql.type(
    z.object({ id: z.string(), provider_name: z.string(), email: z.string().nullable(), created_at: z.date() }),
  )`
    select i.id, p.name as provider_name, i.email, i.created_at
    from user_identities i
    join sign_in_providers p on p.id = i.provider_id
    where i.user_id = ${userId}
    order by i.created_at, i.id
    limit 100`)

export const touchIdentity = (tx: Tx, id: string, email: string | null) =>
  tx.query(sql.void`
    update user_identities
    set last_used_at = now(), email = ${email}
    where id = ${id}`)
