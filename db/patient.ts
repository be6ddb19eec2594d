import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from './pool.ts'
import { isUnavailable } from './unavailable.ts'

/** An outage longer than this ends what waits for it. */
const LONGEST_MS = 10 * 60_000
const PAUSE_MS = { first: 200, most: 2000 }

const repeated = new Set<string | symbol>([
  'any',
  'anyFirst',
  'exists',
  'many',
  'manyFirst',
  'maybeOne',
  'maybeOneFirst',
  'one',
  'oneFirst',
  'query',
  'transaction',
])

/**
 * The pool for work that must outlive an outage of the database: a running engine. A statement or a transaction that the
 * database did not answer is run again until it does. It may have been committed all the same: whoever uses this must be
 * able to do everything twice.
 * @param signal ends the waiting; the failure is then thrown
 */
export function patient(pool: Pool, signal: AbortSignal, onWait: (error: Error) => void): Pool {
  async function insist<T>(run: () => Promise<T>): Promise<T> {
    const until = performance.now() + LONGEST_MS
    for (let attempt = 0; ; attempt++) {
      try {
        return await run()
      } catch (error) {
        if (signal.aborted || !isUnavailable(error) || performance.now() > until) throw error
        if (attempt === 0) onWait(error as Error)
        await sleep(Math.min(PAUSE_MS.first * 2 ** attempt, PAUSE_MS.most), undefined, { signal }).catch(() => {})
      }
    }
  }
  return new Proxy(pool, {
    get(target, name, receiver) {
      const value = Reflect.get(target, name, receiver)
      if (!repeated.has(name) || typeof value !== 'function') return value
      return (...args: unknown[]) => insist(() => value.apply(target, args) as Promise<unknown>)
    },
  })
}
