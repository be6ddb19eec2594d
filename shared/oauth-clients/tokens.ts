import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { normalizeKey } from '../ssh-keys/ssh-keys.ts'

/** What a Git host gave to an OAuth client. The token itself is sealed and never shown. */
const TokenRow = z.object({
  id: z.string(),
  oauth_client_id: z.string(),
  organization_id: z.string(),
  uid: z.string(),
  service_provider_user: z.string(),
  has_ssh_key: z.boolean(),
  created_at: z.date(),
})
export type OAuthToken = z.output<typeof TokenRow>

const columns = sql.fragment`
  t.id, t.oauth_client_id, c.organization_id, t.uid, t.service_provider_user, t.ssh_key is not null as has_ssh_key,
  t.created_at`
const from = sql.fragment`
  from oauth_tokens t
  join oauth_clients c on c.id = t.oauth_client_id
  join organizations o on o.id = c.organization_id and o.deleted_at is null`

/** Those of an organization, or of one client of it. */
export async function selectOAuthTokensPage(
  tx: Tx,
  of: { organizationId: string; clientId?: string },
  page: { size: number; offset: number },
) {
  const rows = await tx.any(sql.type(TokenRow.extend({ total_count: z.number() }))`
    select ${columns}, count(*) over ()::int as total_count ${from}
    where c.organization_id = ${of.organizationId}
      and (${of.clientId ?? null}::text is null or c.id = ${of.clientId ?? null})
    order by t.created_at, t.id
    limit ${page.size} offset ${page.offset}`)
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}

export const selectOptionalOAuthToken = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TokenRow)`
    select ${columns} ${from}
    where t.id = ${id}`)

/** Sets the SSH key that Git uses with this token. */
export async function setOAuthTokenKey(app: App, tx: Tx, id: string, privateKey: string): Promise<OAuthToken> {
  const sealed = app.secrets.seal(normalizeKey(privateKey), `oauth_tokens.ssh_key:${id}`)
  await tx.query(sql.void`
    update oauth_tokens
    set ssh_key = ${sql.binary(sealed)}
    where id = ${id}`)
  return (await selectOptionalOAuthToken(tx, id))!
}

export const deleteOAuthToken = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from oauth_tokens
    where id = ${id}`)
