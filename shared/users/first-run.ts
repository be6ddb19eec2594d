import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId, randomText } from '../ids.ts'
import { hashToken } from '../tokens/authenticate.ts'
import { insertKnownToken, insertToken } from '../tokens/tokens.ts'
import { hashPassword, insertUser } from './users.ts'

const IdRow = z.object({ id: z.string() })
const lock = sql.void`select pg_advisory_xact_lock(hashtext('tofutf first run'))`

/** Makes the first account (a site admin) with a password and an API token; null when there are accounts already. */
export async function ensureFirstRun(
  app: Pick<App, 'db'>,
  options: { username: string; email: string },
): Promise<{ username: string; password: string; token: string } | null> {
  const password = randomText(20)
  const passwordHash = await hashPassword(password)
  return app.db.transaction(async (tx) => {
    await tx.query(lock)
    const present = await tx.any(sql.type(IdRow)`
      select id
      from users
      where not is_service_account
      limit 1`)
    if (present.length > 0) return null
    const userId = await insertUser(tx, {
      username: options.username,
      email: options.email,
      passwordHash,
      isSiteAdmin: true,
    })
    const { token } = await insertToken(tx, { kind: 'user', userId, description: 'Made at the first start' })
    return { username: options.username, password, token }
  })
}

/** The token of TOFUTF_SITE_TOKEN belongs to a service account with site-admin rights; a former value stops working. */
export async function ensureSiteToken(app: Pick<App, 'db' | 'config'>): Promise<void> {
  const token = app.config.siteToken
  await app.db.transaction(async (tx) => {
    await tx.query(lock)
    const [account] = await tx.any(sql.type(IdRow)`
      select id
      from users
      where is_service_account and lower(username) = 'site-admin'`)
    if (!token) {
      if (account) await tx.query(sql.void`delete from tokens where user_id = ${account.id}`)
      return
    }
    const userId =
      account?.id ??
      (await insertUser(tx, {
        username: 'site-admin',
        email: 'site-admin@localhost',
        passwordHash: null,
        isSiteAdmin: true,
        isServiceAccount: true,
      }))
    await tx.query(sql.void`
      delete from tokens
      where user_id = ${userId} and description = 'TOFUTF_SITE_TOKEN' and token_hash <> ${sql.binary(hashToken(token))}`)
    const [known] = await tx.any(sql.type(IdRow)`
      select id
      from tokens
      where token_hash = ${sql.binary(hashToken(token))}`)
    if (!known)
      await insertKnownToken(tx, newId('at'), token, { kind: 'user', userId, description: 'TOFUTF_SITE_TOKEN' })
  })
}
