import { lookup as resolve } from 'node:dns/promises'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * The one way out: every request that this server makes to an address which somebody typed in. Private, local and
 * otherwise special addresses are refused unless the operator allows them (TOFUTF_OUTBOUND_ALLOW); the connection goes
 * to the very address that was checked, so that a name cannot change its mind in between; redirects are not followed;
 * time and sizes are bounded.
 */
export class OutboundRefused extends Error {}

/** Hosts by name or address, and CIDRs. */
export type Allowed = readonly string[]

const MAX_URL = 2048

/**
 * What can be told of an address without asking the name service: scheme, credentials, literal addresses.
 * `new URL` has turned 2130706433, 0x7f.1 and the like into dotted numbers before they are looked at.
 * @throws OutboundRefused with a sentence that holds nothing of the address
 */
export function checkAddress(text: string, allowed: Allowed): URL {
  // the parser would silently drop them
  if (/[\x00-\x20\x7f]/.test(text)) throw new OutboundRefused('must not hold spaces, line breaks or control characters')
  if (text.length > MAX_URL) throw new OutboundRefused(`is too long (maximum is ${MAX_URL} characters)`)
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.hostname === '')
    throw new OutboundRefused('must be an http or https address')
  if (url.username || url.password) throw new OutboundRefused('must not hold a user name or password')
  const host = hostOf(url)
  if (isLocalName(host) && !isAllowedName(host, allowed)) throw new OutboundRefused(refusal)
  if (ipaddr.isValid(host) && !isAllowedAddress(host, allowed)) throw new OutboundRefused(refusal)
  return url
}

const refusal = 'points to a private or local address; the operator can allow it with TOFUTF_OUTBOUND_ALLOW'

const hostOf = (url: URL): string =>
  url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase()

const isLocalName = (host: string): boolean => host === 'localhost' || host.endsWith('.localhost')

const isAllowedName = (host: string, allowed: Allowed): boolean => allowed.some((entry) => entry.toLowerCase() === host)

/** Public unicast addresses, and those that the operator names. An IPv4 address in IPv6 clothes counts as what it is. */
function isAllowedAddress(text: string, allowed: Allowed): boolean {
  const address = ipaddr.process(text)
  if (address.range() === 'unicast') return true
  return allowed.some((entry) => {
    if (!entry.includes('/')) return ipaddr.isValid(entry) && same(ipaddr.process(entry), address)
    if (!ipaddr.isValidCIDR(entry)) return false
    const [network, bits] = ipaddr.parseCIDR(entry)
    return network.kind() === address.kind() && address.match(network as never, bits)
  })
}

const same = (a: ipaddr.IPv4 | ipaddr.IPv6, b: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  a.toNormalizedString() === b.toNormalizedString()

/** Resolves once, checks every address, and connects to nothing else. */
const pinned =
  (allowed: Allowed): LookupFunction =>
  (hostname, options, callback) => {
    const host = hostname.toLowerCase().replace(/\.$/, '')
    resolve(host, { all: true }).then(
      (found) => {
        const fit = isAllowedName(host, allowed) || found.every(({ address }) => isAllowedAddress(address, allowed))
        const [first] = found
        if (!fit || !first) callback(new OutboundRefused(`The address ${refusal}.`), '', 0)
        else if (options.all) callback(null, found)
        else callback(null, first.address, first.family)
      },
      (error: Error) => callback(error, '', 0),
    )
  }

export interface OutboundRequest {
  method: 'GET' | 'POST'
  url: string
  headers?: Record<string, string>
  body?: string
  timeoutMs: number
  /** What is read of the answer at most; the rest is cut off. */
  maxAnswerBytes: number
  /** Authority (PEM) that is trusted for this address instead of those of the system. */
  ca?: string
}

export interface OutboundAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** @throws OutboundRefused, or an Error with a sentence why no answer came. Any status is an answer. */
export async function sendOutbound(allowed: Allowed, request: OutboundRequest): Promise<OutboundAnswer> {
  let url: URL
  try {
    url = checkAddress(request.url, allowed)
  } catch (error) {
    throw error instanceof OutboundRefused ? new OutboundRefused(`The address ${error.message}.`) : error
  }
  const signal = AbortSignal.timeout(request.timeoutMs)
  const body = Buffer.from(request.body ?? '')
  const make = url.protocol === 'https:' ? httpsRequest : httpRequest
  try {
    const response = await new Promise<IncomingMessage>((settle, fail) => {
      const sent = make(
        url,
        {
          method: request.method,
          headers: {
            'User-Agent': 'TofuTF',
            ...request.headers,
            ...(body.length && { 'Content-Length': body.length }),
          },
          lookup: pinned(allowed),
          agent: false,
          signal,
          ...(request.ca !== undefined && { ca: request.ca }),
          maxHeaderSize: 16 * 1024,
        },
        settle,
      )
      sent.on('error', fail)
      sent.end(body)
    })
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await beginning(response, request.maxAnswerBytes),
    }
  } catch (error) {
    if (error instanceof OutboundRefused) throw error
    if (signal.aborted) throw new Error(`No answer within ${request.timeoutMs / 1000} seconds.`)
    throw new Error(reason(error as NodeJS.ErrnoException))
  }
}

async function beginning(response: IncomingMessage, maxBytes: number): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part.subarray(0, maxBytes - size))
    size += part.length
    // leaving the loop destroys the response
    if (size >= maxBytes) break
  }
  return Buffer.concat(parts).toString('utf8')
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection was cut off.',
  ENOTFOUND: 'The host name is not known.',
  EAI_AGAIN: 'The name service does not answer.',
  EHOSTUNREACH: 'The host cannot be reached.',
  ENETUNREACH: 'The network of the host cannot be reached.',
}

/** Node's own message may hold the address; its code does not. */
const reason = (error: NodeJS.ErrnoException): string =>
  reasons[error.code ?? ''] ?? `The request failed${error.code ? ` (${error.code})` : ''}.`
