import { SlonikError } from 'slonik'

/** The SQLSTATE of a failure, wherever in its causes it stands. */
export function postgresCode(error: unknown): string | undefined {
  for (let e = error as { code?: unknown; cause?: unknown } | undefined; e; e = e.cause as typeof e) {
    if (typeof e.code === 'string' && /^[0-9A-Z]{5}$/.test(e.code)) return e.code
  }
  return undefined
}

const sockets = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']
const words = /ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|Connection|terminat/i

/** Whether the database does not answer: it is down, starting, or the connection broke. The same may work later. */
export function isUnavailable(error: unknown): boolean {
  const code = postgresCode(error)
  if (code && /^(08|57P|53)/.test(code)) return true
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (sockets.includes((e as NodeJS.ErrnoException).code ?? '')) return true
    if (e instanceof SlonikError && (/Connection|Terminated/.test(e.constructor.name) || words.test(e.message)))
      return true
  }
  return false
}
