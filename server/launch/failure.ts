import { ConfigError } from '../../shared/config.ts'

/** Something the operator can repair; `message` is one clear sentence and all that is printed. */
export class LaunchFailure extends Error {}

/** The sentence for an error that ends the launcher. */
export function sentenceOf(error: unknown): string {
  if (error instanceof ConfigError) return `A setting cannot be used: ${error.message}`
  if (error instanceof Error) return error.message || (error as NodeJS.ErrnoException).code || error.name
  return String(error)
}

/** What went wrong between us and the database, without the password in its address. */
export function databaseFailure(databaseUrl: string, error: unknown): LaunchFailure {
  const { code, message } = error as { code?: string; message?: string }
  const url = URL.canParse(databaseUrl) ? new URL(databaseUrl) : undefined
  if (!url) return new LaunchFailure('DATABASE_URL is not an address like postgres://user:password@host:5432/database.')
  const where = `${url.hostname}:${url.port || 5432}${url.pathname}`
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'no such host',
    ETIMEDOUT: 'no answer',
    EHOSTUNREACH: 'the host cannot be reached',
    '28P01': 'it refuses the user or the password',
    '3D000': 'there is no such database',
  }
  return new LaunchFailure(
    `PostgreSQL at ${where} (DATABASE_URL) cannot be used: ${(code && reasons[code]) ?? message ?? code}.`,
  )
}
