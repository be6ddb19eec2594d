import { randomBytes } from 'node:crypto'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Random base62 text. Bytes of 248 and more are thrown away, so that each character is equally likely. */
export function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < 248 && text.length < length) text += alphabet[byte % 62]
    }
  }
  return text
}

export type Id<P extends string> = `${P}-${string}`

/** An opaque id as the TFE API has them: prefix, dash, 16 base62 characters. */
export const newId = <P extends string>(prefix: P): Id<P> => `${prefix}-${randomText(16)}`

/** Whether text can be an id at all; spares the database ids such as `plan-%00` or 300 characters. */
export const looksLikeId = (text: string, prefix: string): boolean =>
  text.startsWith(`${prefix}-`) && /^[A-Za-z0-9]{1,64}$/.test(text.slice(prefix.length + 1))
