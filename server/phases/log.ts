// Source: shared/api/cli-protocol.md 2.4: byte ranges by ?limit&offset; at and past the end 200 with an empty body.
import { readLog } from '../../shared/runs/logs.ts'
import type { Context } from '../route.ts'

const DEFAULT_BYTES = 64 * 1024
const MOST_BYTES = 1024 * 1024

const number = (value: string | string[] | undefined, fallback: number): number => {
  const found = Number(Array.isArray(value) ? value[0] : value)
  return Number.isSafeInteger(found) && found >= 0 && value !== '' && value !== undefined ? found : fallback
}

export async function sendLog({ app, koa, query }: Context, phaseId: string): Promise<void> {
  const offset = Math.min(number(query.offset, 0), 2 ** 50)
  const limit = Math.min(number(query.limit, DEFAULT_BYTES), MOST_BYTES)
  const bytes = limit === 0 ? Buffer.alloc(0) : await readLog(app.db, phaseId, { offset, limit })
  koa.status = 200
  koa.type = 'text/plain; charset=utf-8'
  koa.body = bytes
}
