import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { z } from 'zod'
import type { Pool } from '../db/pool.ts'
import { sql } from '../db/sql.ts'
import { problem } from './errors.ts'
import { randomText } from './ids.ts'

/**
 * Envelope encryption. A root key (from TOFUTF_SECRET) wraps data keys in the table data_keys;
 * data keys seal columns and blobs with AES-256-GCM. Sealed bytes: key id (8 ASCII) · IV (12) · tag (16) · ciphertext.
 * `context` is authenticated with it, so that a value moved to another row or column does not open.
 */
export interface Secrets {
  readonly currentKeyId: string
  seal(clear: Uint8Array | string, context: string): Buffer
  /** @throws problem 'corrupt' when the bytes were changed, or the key that sealed them is not known */
  open(sealed: Uint8Array, context: string): Buffer
  /** base64url HMAC for signed URLs and cookies. */
  sign(text: string, purpose: string): string
  verify(text: string, purpose: string, signature: string): boolean
}

const ROOT_CONTEXT = 'tofutf data key'

const derive = (secret: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, 'tofutf', purpose, 32))

const rootKeyId = (secret: string): string =>
  createHash('sha256').update(`tofutf root key id:${secret}`).digest('hex').slice(0, 12)

/** `prefix` · IV · tag · ciphertext, put together once: the clear bytes may be a megabyte. */
function encrypt(key: Buffer, clear: Uint8Array, context: string, prefix = ''): Buffer {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
  const body = [cipher.update(clear), cipher.final()]
  return Buffer.concat([Buffer.from(prefix), iv, cipher.getAuthTag(), ...body])
}

function decrypt(key: Buffer, bytes: Uint8Array, context: string): Buffer {
  const iv = bytes.subarray(0, 12)
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()])
}

export class WrongSecret extends Error {}

const DataKeyRow = z.object({ id: z.string(), root_key_id: z.string(), wrapped: z.instanceof(Buffer) })

/**
 * Reads the data keys, making the first one when there is none.
 * @throws WrongSecret when a data key is wrapped by a root that neither `secret` nor `previous` is
 */
export async function openSecrets(pool: Pool, secret: string, previous: string[] = []): Promise<Secrets> {
  const roots = new Map([secret, ...previous].map((s) => [rootKeyId(s), derive(s, 'root')]))
  const current = rootKeyId(secret)

  const rows = await pool.transaction(async (tx) => {
    await tx.query(sql.void`select pg_advisory_xact_lock(hashtext('tofutf data keys'))`)
    const select = sql.type(DataKeyRow)`
      select id, root_key_id, wrapped
      from data_keys
      order by created_at desc, id`
    const present = await tx.any(select)
    if (present.length > 0) return present
    const id = randomText(8)
    const wrapped = encrypt(roots.get(current)!, randomBytes(32), ROOT_CONTEXT + id)
    await tx.query(sql.void`
      insert into data_keys (id, root_key_id, wrapped)
      values (${id}, ${current}, ${sql.binary(wrapped)})`)
    return tx.any(select)
  })

  const keys = new Map<string, Buffer>()
  for (const row of rows) {
    const root = roots.get(row.root_key_id)
    if (!root) {
      throw new WrongSecret(
        `TOFUTF_SECRET is not the one this database was written with (data key ${row.id} needs root key ${row.root_key_id}). Set the former value, or name it in TOFUTF_SECRET_PREVIOUS.`,
      )
    }
    keys.set(row.id, decrypt(root, row.wrapped, ROOT_CONTEXT + row.id))
  }
  const currentKeyId = rows[0]!.id
  const signingKeys = new Map<string, Buffer>()
  const signingKey = (purpose: string): Buffer => {
    const known = signingKeys.get(purpose)
    if (known) return known
    const key = derive(secret, `sign:${purpose}`)
    signingKeys.set(purpose, key)
    return key
  }
  const sign = (text: string, purpose: string) =>
    createHmac('sha256', signingKey(purpose)).update(text).digest('base64url')

  return {
    currentKeyId,
    seal(clear, context) {
      const bytes = typeof clear === 'string' ? Buffer.from(clear) : clear
      return encrypt(keys.get(currentKeyId)!, bytes, context, currentKeyId)
    },
    open(sealed, context) {
      const id = Buffer.from(sealed.subarray(0, 8)).toString('latin1')
      const key = keys.get(id)
      if (!key) throw problem('corrupt', `The key ${JSON.stringify(id)} that sealed this is not known to this server.`)
      try {
        return decrypt(key, sealed.subarray(8), context)
      } catch (cause) {
        throw problem('corrupt', {
          detail: `The stored bytes of ${context} fail their check and are not served.`,
          cause,
        })
      }
    },
    sign,
    verify(text, purpose, signature) {
      const expected = Buffer.from(sign(text, purpose))
      const given = Buffer.from(signature)
      return expected.length === given.length && timingSafeEqual(expected, given)
    },
  }
}
