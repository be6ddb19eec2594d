import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'

const BITS = 2048

const PublicJwk = z.object({
  kty: z.literal('RSA'),
  use: z.literal('sig'),
  alg: z.literal('RS256'),
  kid: z.string(),
  n: z.string(),
  e: z.string(),
})
export type PublicJwk = z.output<typeof PublicJwk>

export interface SigningKey {
  kid: string
  privateKey: KeyObject
}

const KeyRow = z.object({ id: z.string(), private_key: z.instanceof(Buffer) })
const PublicRow = z.object({ public_jwk: PublicJwk, created_at: z.date() })

const context = (kid: string): string => `signing_keys.private_key:${kid}`
const lockKeys = (tx: Tx) => tx.query(sql.void`select pg_advisory_xact_lock(hashtext('tofutf signing keys'))`)

const selectNewestKey = (tx: Tx) =>
  tx.maybeOne(sql.type(KeyRow)`
    select id, private_key
    from signing_keys
    order by created_at desc, id
    limit 1`)

/** The key that signs now; the first one is made when it is needed. */
export async function currentSigningKey(app: App): Promise<SigningKey> {
  const row = (await selectNewestKey(app.db)) ?? (await makeFirstKey(app))
  const der = app.secrets.open(row.private_key, context(row.id))
  return { kid: row.id, privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) }
}

/** What relying parties may find a token signed with, the current key first. */
export async function publishedKeys(app: App): Promise<(PublicJwk & { createdAt: Date })[]> {
  if (!(await selectNewestKey(app.db))) await makeFirstKey(app)
  const rows = await app.db.any(sql.type(PublicRow)`
    select public_jwk, created_at
    from signing_keys
    order by created_at desc, id`)
  return rows.map((row) => ({ ...row.public_jwk, createdAt: row.created_at }))
}

/** A new key signs from now on. The former ones stay published. */
export async function rotateSigningKey(app: App): Promise<void> {
  const key = await makeKey(app)
  await app.db.transaction(async (tx) => {
    await lockKeys(tx)
    await insertKey(tx, key)
  })
}

/** Only the current key stays published: a running phase with an older token is not believed any more. */
export const trimSigningKeys = (app: App): Promise<void> =>
  app.db.transaction(async (tx) => {
    await lockKeys(tx)
    const newest = await selectNewestKey(tx)
    if (newest) await tx.query(sql.void`delete from signing_keys where id <> ${newest.id}`)
  })

async function makeFirstKey(app: App): Promise<z.output<typeof KeyRow>> {
  const key = await makeKey(app)
  return app.db.transaction(async (tx) => {
    await lockKeys(tx)
    const present = await selectNewestKey(tx)
    if (present) return present
    await insertKey(tx, key)
    return { id: key.jwk.kid, private_key: key.sealed }
  })
}

interface NewKey {
  jwk: PublicJwk
  sealed: Buffer
}

async function makeKey(app: App): Promise<NewKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: BITS })
  const { n, e } = createPublicKey(privateKey).export({ format: 'jwk' }) as { n: string; e: string }
  const kid = createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url')
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  return { jwk: { kty: 'RSA', use: 'sig', alg: 'RS256', kid, n, e }, sealed: app.secrets.seal(der, context(kid)) }
}

const insertKey = (tx: Tx, { jwk, sealed }: NewKey) =>
  tx.query(sql.void`
    insert into signing_keys (id, private_key, public_jwk)
    values (${jwk.kid}, ${sql.binary(sealed)}, ${sql.jsonb({ ...jwk })})`)
