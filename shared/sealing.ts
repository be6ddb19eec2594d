import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'

/** AES-256-GCM and the keys made from TOFUTF_SECRET. Everything that knows the form of sealed bytes. */

/** Sealed bytes begin with the id of their data key: so many ASCII characters. */
export const KEY_ID_LENGTH = 8

const ROOT_CONTEXT = 'tofutf data key'

export const derive = (secret: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, 'tofutf', purpose, 32))

export const rootKeyId = (secret: string): string =>
  createHash('sha256').update(`tofutf root key id:${secret}`).digest('hex').slice(0, 12)

/** `prefix` · IV · tag · ciphertext, put together once: the clear bytes may be a megabyte. */
export function encrypt(key: Buffer, clear: Uint8Array, context: string, prefix = ''): Buffer {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
  const body = [cipher.update(clear), cipher.final()]
  return Buffer.concat([Buffer.from(prefix), iv, cipher.getAuthTag(), ...body])
}

/** @throws when the bytes were changed, or the key or the context is another one */
export function decrypt(key: Buffer, bytes: Uint8Array, context: string): Buffer {
  const iv = bytes.subarray(0, 12)
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()])
}

export const wrapDataKey = (root: Buffer, id: string, key: Uint8Array): Buffer => encrypt(root, key, ROOT_CONTEXT + id)

export const unwrapDataKey = (root: Buffer, id: string, wrapped: Uint8Array): Buffer =>
  decrypt(root, wrapped, ROOT_CONTEXT + id)

/** The id of the data key that sealed these bytes. */
export const keyIdOf = (sealed: Uint8Array): string => Buffer.from(sealed.subarray(0, KEY_ID_LENGTH)).toString('latin1')
