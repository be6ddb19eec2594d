import type { App } from './app.ts'
import { problem } from './errors.ts'

/**
 * Addresses that carry their own proof in the path: clients call them without a token, and the log reader
 * replaces the query. What may be done, on which object, and until when is signed.
 */
export type SignedPurpose =
  | 'configuration-upload'
  | 'configuration-download'
  | 'state-upload'
  | 'json-state-upload'
  | 'state-download'
  | 'json-state-download'
  | 'log'
  | 'module-upload'
  | 'module-download'
  | 'shasums-upload'
  | 'shasums-download'
  | 'shasums-signature-upload'
  | 'shasums-signature-download'
  | 'provider-upload'
  | 'provider-download'
  | 'test-configuration-upload'
  | 'test-log'
  | 'policies-upload'

const HOUR = 3600
const lifetimeSeconds: Record<SignedPurpose, number> = {
  'configuration-upload': 2 * HOUR,
  'configuration-download': HOUR,
  'state-upload': 2 * HOUR,
  'json-state-upload': 2 * HOUR,
  'state-download': HOUR,
  'json-state-download': HOUR,
  log: 24 * HOUR,
  'module-upload': 2 * HOUR,
  'module-download': HOUR,
  'shasums-upload': 2 * HOUR,
  'shasums-download': HOUR,
  'shasums-signature-upload': 2 * HOUR,
  'shasums-signature-download': HOUR,
  'provider-upload': 2 * HOUR,
  'provider-download': HOUR,
  'test-configuration-upload': 2 * HOUR,
  'test-log': 24 * HOUR,
  'policies-upload': 2 * HOUR,
}

/** Absolute URL. The expiry is rounded up to the hour, so that two reads of an object show the same address. */
export function signedUrl(app: App, origin: string, purpose: SignedPurpose, id: string): string {
  const expires = Math.ceil((app.now().getTime() / 1000 + lifetimeSeconds[purpose]) / HOUR) * HOUR
  const text = `${purpose}/${id}/${expires}`
  return `${origin}/_signed/${text}/${app.secrets.sign(text, 'url')}`
}

/** @throws problem 'not_found' for a wrong signature, 'gone' for one that has expired */
export function checkSignedUrl(app: App, params: Record<string, string>): { purpose: SignedPurpose; id: string } {
  const { purpose, id, expires, signature } = params
  if (!app.secrets.verify(`${purpose}/${id}/${expires}`, 'url', signature ?? '')) throw problem('not_found')
  if (Number(expires) * 1000 < app.now().getTime())
    throw problem('gone', 'This address has expired. Ask for a new one.')
  return { purpose: purpose as SignedPurpose, id: id! }
}
