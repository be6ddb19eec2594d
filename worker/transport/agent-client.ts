import { createReadStream } from 'node:fs'
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { BASE, CREDENTIAL_HEADER } from '../../shared/agents/protocol.ts'
import { problems } from '../../shared/errors.ts'

/** The server was not reached, or cannot answer now: worth another try. */
export class Unreachable extends Error {
  /** The server itself said that its database is away: until that is back nobody can give away what an agent holds. */
  readonly isDatabaseAway: boolean

  constructor(message: string, options: { cause?: unknown; isDatabaseAway?: boolean } = {}) {
    super(message, options)
    this.isDatabaseAway = options.isDatabaseAway ?? false
  }
}

/** The server answered no. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT'
  /** below /api/agent/v1 */
  path: string
  /** offer or credential of a phase */
  credential?: string
  body?: object | Buffer | { file: string; sizeBytes: number }
  /** of silence on the connection */
  timeoutMs?: number
  signal?: AbortSignal
}

export interface AgentClient {
  /**
   * One request. The body of the answer must be read.
   * @throws Unreachable, Refused
   */
  send(call: Call): Promise<IncomingMessage>
  /** undefined for an answer without content. */
  json<T>(call: Call): Promise<T | undefined>
}

const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504])
const MAX_JSON_BYTES = 64 * 1024 * 1024

/** Requests of an agent with its pool's token. The global connection pools keep connections, and know about proxies. */
export function agentClient(url: string, token: string): AgentClient {
  const base = new URL(`${url}${BASE}`)
  const start = base.protocol === 'https:' ? requestHttps : requestHttp

  async function send(call: Call): Promise<IncomingMessage> {
    const answer = await exchange(call).catch((error: NodeJS.ErrnoException) => {
      if (call.signal?.aborted) throw error
      throw new Unreachable(`${base.origin} cannot be reached: ${error.code ?? error.message}`, { cause: error })
    })
    const status = answer.statusCode!
    if (status < 300) return answer
    const { title, detail } = await errorOf(answer)
    if (TRANSIENT.has(status)) {
      const isDatabaseAway = status === 503 && title === problems.unavailable.title
      throw new Unreachable(`${base.origin} answers ${status}: ${detail}`, { isDatabaseAway })
    }
    throw new Refused(status, detail)
  }

  function exchange(call: Call): Promise<IncomingMessage> {
    const { body } = call
    const isFile = body !== undefined && 'file' in body && typeof body.file === 'string'
    const bytes = isFile || body === undefined ? undefined : Buffer.isBuffer(body) ? body : JSON.stringify(body)
    const length = isFile ? (body as { sizeBytes: number }).sizeBytes : Buffer.byteLength(bytes ?? '')
    const options: RequestOptions = {
      method: call.method,
      timeout: call.timeoutMs ?? 10_000,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': typeof bytes === 'string' ? 'application/json' : 'application/octet-stream',
        'content-length': length,
        ...(call.credential && { [CREDENTIAL_HEADER]: call.credential }),
      },
      ...(call.signal && { signal: call.signal }),
    }
    return new Promise((resolve, reject) => {
      const req = start(new URL(base.href + call.path), options, resolve)
      req.on('timeout', () => req.destroy(new Error('timeout')))
      req.on('error', reject)
      if (!isFile) {
        req.end(bytes)
        return
      }
      const file = createReadStream((body as { file: string }).file)
      file.on('error', (error) => req.destroy(error))
      req.on('close', () => file.destroy())
      file.pipe(req)
    })
  }

  return {
    send,
    async json<T>(call: Call) {
      const answer = await send(call)
      const text = (await readAll(answer)).toString('utf8')
      return text === '' ? undefined : (JSON.parse(text) as T)
    },
  }
}

async function readAll(answer: IncomingMessage): Promise<Buffer> {
  if (Number(answer.headers['content-length'] ?? 0) > MAX_JSON_BYTES) {
    answer.destroy()
    throw new Error('the answer is too large')
  }
  return buffer(answer).catch((error: Error) => {
    throw new Unreachable(`the answer broke off: ${error.message}`, { cause: error })
  })
}

/** The first error of a JSON:API document, or the beginning of whatever came. */
async function errorOf(answer: IncomingMessage): Promise<{ title: string; detail: string }> {
  const text = (await readAll(answer)).toString('utf8')
  try {
    const [error] = JSON.parse(text).errors
    return { title: String(error.title), detail: String(error.detail) }
  } catch {
    return { title: '', detail: text.slice(0, 200) }
  }
}

/** Waits between tries: soon at first, at most every five seconds. */
export const backOffMs = (attempt: number): number => Math.min(5000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2)
