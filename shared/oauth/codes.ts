import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { insertToken } from '../tokens/tokens.ts'

/** Authorization codes of `terraform login`: PKCE with S256, one use, one minute. Source: RFC 6749, RFC 7636. */
const LIFETIME_SECONDS = 60

export interface CodeRequest {
  userId: string
  clientId: string
  redirectUri: string
  codeChallenge: string
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

export async function issueCode(app: App, request: CodeRequest): Promise<string> {
  const code = randomBytes(32).toString('base64url')
  await app.db.query(sql.void`
    delete from oauth_codes
    where expires_at < now() - interval '1 day'`)
  await app.db.query(sql.void`
    insert into oauth_codes (code_hash, user_id, client_id, redirect_uri, code_challenge, expires_at)
    values (${sql.binary(sha256(code))}, ${request.userId}, ${request.clientId}, ${request.redirectUri},
      ${request.codeChallenge}, now() + make_interval(secs => ${LIFETIME_SECONDS}))`)
  return code
}

const CodeRow = z.object({
  user_id: z.string(),
  client_id: z.string(),
  redirect_uri: z.string(),
  code_challenge: z.string(),
  is_expired: z.boolean(),
  is_used: z.boolean(),
  token_id: z.string().nullable(),
})

/** A token for a code; null for every kind of wrong. A second use also revokes the token of the first. */
export async function exchangeCode(
  app: App,
  given: { code: string; clientId: string; redirectUri: string; codeVerifier: string },
): Promise<string | null> {
  const codeHash = sha256(given.code)
  return app.db.transaction(async (tx) => {
    const row = await tx.maybeOne(sql.type(CodeRow)`
      select c.user_id, c.client_id, c.redirect_uri, c.code_challenge, c.expires_at <= now() as is_expired,
        c.used_at is not null as is_used, c.token_id
      from oauth_codes c
      join users u on u.id = c.user_id and u.suspended_at is null
      where c.code_hash = ${sql.binary(codeHash)}
      for update of c`)
    if (!row) return null
    if (row.is_used) {
      await tx.query(sql.void`delete from tokens where id = ${row.token_id}`)
      return null
    }
    // a wrong guess uses the code up too
    await tx.query(sql.void`
      update oauth_codes
      set used_at = now()
      where code_hash = ${sql.binary(codeHash)}`)
    const challenge = Buffer.from(sha256(given.codeVerifier).toString('base64url'))
    const expected = Buffer.from(row.code_challenge)
    const fits =
      !row.is_expired &&
      row.client_id === given.clientId &&
      row.redirect_uri === given.redirectUri &&
      challenge.length === expected.length &&
      timingSafeEqual(challenge, expected)
    if (!fits) return null
    const { id, token } = await insertToken(tx, {
      kind: 'user',
      userId: row.user_id,
      createdBy: row.user_id,
      description: 'terraform login',
    })
    await tx.query(sql.void`
      update oauth_codes
      set token_id = ${id}
      where code_hash = ${sql.binary(codeHash)}`)
    return token
  })
}
