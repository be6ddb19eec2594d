import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Pool } from '../db/pool.ts'
import { type DataKeys, readDataKeys, rootsOf } from './data-keys.ts'
import { problem } from './errors.ts'
import { decrypt, derive, encrypt, KEY_ID_LENGTH, keyIdOf } from './sealing.ts'

/**
 * Envelope encryption. A root key (from TOFUTF_SECRET) wraps data keys in the table data_keys;
 * data keys seal columns and blobs with AES-256-GCM. Sealed bytes: key id (8 ASCII) · IV (12) · tag (16) · ciphertext.
 * `context` is authenticated with it, so that a value moved to another row or column does not open.
 */
export interface Secrets {
  /** The data key that seals now; a rotation changes it while processes run. */
  readonly currentKeyId: string
  seal(clear: Uint8Array | string, context: string): Buffer
  /** @throws problem 'corrupt' when the bytes were changed, or the key that sealed them is not known */
  open(sealed: Uint8Array, context: string): Buffer
  /** base64url HMAC for signed URLs and cookies. */
  sign(text: string, purpose: string): string
  /** What a former TOFUTF_SECRET signed counts as long as it is named in TOFUTF_SECRET_PREVIOUS. */
  verify(text: string, purpose: string, signature: string): boolean
  /**
   * Reads the data keys again, and tells how long a new key still waits for its turn.
   * @throws WrongSecret; the keys that are known stay
   */
  refresh(): Promise<number | undefined>
}

/** @throws WrongSecret when a data key is wrapped by a root that neither `secret` nor `previous` is */
export async function openSecrets(pool: Pool, secret: string, previous: string[] = []): Promise<Secrets> {
  const roots = rootsOf(secret, previous)
  let known: DataKeys = await readDataKeys(pool, roots)
  const signingKeys = new Map<string, Buffer>()
  const signingKey = (by: string, purpose: string): Buffer => {
    const name = `${by} ${purpose}`
    const key = signingKeys.get(name) ?? derive(by, `sign:${purpose}`)
    signingKeys.set(name, key)
    return key
  }
  const signature = (by: string, text: string, purpose: string) =>
    createHmac('sha256', signingKey(by, purpose)).update(text).digest('base64url')

  return {
    get currentKeyId() {
      return known.currentId
    },
    seal(clear, context) {
      const bytes = typeof clear === 'string' ? Buffer.from(clear) : clear
      const { currentId, keys } = known
      return encrypt(keys.get(currentId)!, bytes, context, currentId)
    },
    open(sealed, context) {
      const id = keyIdOf(sealed)
      const key = known.keys.get(id)
      if (!key) throw problem('corrupt', `The key ${JSON.stringify(id)} that sealed this is not known to this server.`)
      try {
        return decrypt(key, sealed.subarray(KEY_ID_LENGTH), context)
      } catch (cause) {
        throw problem('corrupt', {
          detail: `The stored bytes of ${context} fail their check and are not served.`,
          cause,
        })
      }
    },
    sign: (text, purpose) => signature(secret, text, purpose),
    verify: (text, purpose, given) => [secret, ...previous].some((by) => isEqual(signature(by, text, purpose), given)),
    async refresh() {
      known = await readDataKeys(pool, roots)
      return known.nextTurnMs
    },
  }
}

function isEqual(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}
