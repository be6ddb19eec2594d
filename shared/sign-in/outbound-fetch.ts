import type { CustomFetch } from 'openid-client'
import type { App } from '../app.ts'
import { type Allowed, checkAddress, OutboundRefused, sendOutbound } from '../outbound.ts'

const TIMEOUT_MS = 10_000
const MAX_ANSWER = 512 * 1024

/** Why a provider gave no answer that can be used; a sentence that names neither address nor secret. */
export class ProviderSilent extends Error {}

const bare = new Set([101, 204, 205, 304])

/** A fetch that goes out by shared/outbound.ts. @throws ProviderSilent */
export const outboundFetch =
  (app: Pick<App, 'config'>): CustomFetch =>
  async (url, { method, headers, body }) => {
    try {
      const answer = await sendOutbound(app.config.outboundAllow, {
        method: method === 'POST' ? 'POST' : 'GET',
        url,
        headers,
        ...(body !== undefined && body !== null && { body: String(body) }),
        timeoutMs: TIMEOUT_MS,
        maxAnswerBytes: MAX_ANSWER,
      })
      // cut off is not the same as short: half a key set must not pass for a whole one
      if (Buffer.byteLength(answer.body) >= MAX_ANSWER) throw new ProviderSilent('Its answer is too large.')
      if (answer.status < 200 || answer.status > 599) throw new ProviderSilent('Its answer is no HTTP answer.')
      const kept = ['content-type', 'www-authenticate'].flatMap((name) => {
        const value = answer.headers[name]
        return typeof value === 'string' ? [[name, value] as [string, string]] : []
      })
      return new Response(bare.has(answer.status) ? null : answer.body, { status: answer.status, headers: kept })
    } catch (error) {
      throw error instanceof ProviderSilent ? error : new ProviderSilent((error as Error).message)
    }
  }

/**
 * Whether an http address may be talked to without TLS: only where the operator named the host as one that requests may
 * reach.
 * @throws OutboundRefused for an address that nothing may reach
 */
export function isPlainAllowed(address: string, allowed: Allowed): boolean {
  const url = checkAddress(address, allowed)
  if (url.protocol === 'https:') return false
  if (allowed.some((entry) => entry.toLowerCase() === url.hostname)) return true
  try {
    checkAddress(address, [])
    return false
  } catch (error) {
    if (error instanceof OutboundRefused) return true
    throw error
  }
}
