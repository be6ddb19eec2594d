import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { LaunchFailure } from './failure.ts'

export interface Answer {
  status: number
  body: string
}

/**
 * One request to our own web process over the loopback address, for the launcher's errands.
 * @throws when nothing answers
 */
export function ask(
  address: string,
  options: { method?: string; token?: string; body?: unknown; timeoutMs?: number } = {},
): Promise<Answer> {
  const { method = 'GET', token, body, timeoutMs = 10_000 } = options
  const request = address.startsWith('https:') ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const out = request(
      address,
      {
        method,
        // our own process on this machine; a certificate from a file need not name the loopback address
        rejectUnauthorized: false,
        agent: false,
        timeout: timeoutMs,
        headers: {
          accept: 'application/vnd.api+json',
          ...(body ? { 'content-type': 'application/vnd.api+json' } : {}),
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        )
      },
    )
    out.on('error', reject)
    out.on('timeout', () => out.destroy(new Error('no answer')))
    out.end(body ? JSON.stringify(body) : undefined)
  })
}

/** Waits until the web process says that it and its database are up. */
export async function waitUntilReady(
  base: string,
  options: { ended: Promise<string>; signal?: AbortSignal | undefined; timeoutMs: number },
): Promise<void> {
  let ended: string | undefined
  void options.ended.then((sentence) => {
    ended = sentence
  })
  const deadline = Date.now() + options.timeoutMs
  let last = 'no answer'
  while (Date.now() < deadline) {
    options.signal?.throwIfAborted()
    if (ended) throw new LaunchFailure(`${ended} Its own message says why.`)
    try {
      const { status } = await ask(`${base}/healthz`, { timeoutMs: 2000 })
      if (status === 200) return
      last = `status ${status}`
    } catch (error) {
      last = (error as Error).message
    }
    await sleep(50)
  }
  throw new LaunchFailure(`The web process was not ready within ${options.timeoutMs / 1000} seconds (${last}).`)
}
