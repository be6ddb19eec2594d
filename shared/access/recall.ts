import type { Interceptor } from 'slonik'
import type { Tx } from '../../db/pool.ts'

/**
 * What the last requests read about who a caller is: tokens' actors and people's teams, for half a second, so that a
 * client's many requests do not read it each time.
 *
 * A right that is taken away is gone with the next request to the process that took it, since every statement that writes
 * one of these tables makes it forget, and again when its transaction has ended. Other processes follow when the half
 * second is over at the latest: the notification that makes them forget at once may be lost.
 */
export interface Recall {
  /** What `load` answers, or answered less than half a second ago. null is never kept, nor what does not last. */
  get<T extends object>(key: string, load: () => Promise<T | null>, lasts?: (value: T) => boolean): Promise<T | null>
}

const LIFE_MS = 500
const MOST = 10_000

const tables = [
  'tokens',
  'token_ttl_policies',
  'users',
  'teams',
  'team_members',
  'organizations',
  'organization_memberships',
  'agent_pools',
]
const writes = new RegExp(`(?:insert\\s+into|update|delete\\s+from)\\s+(?:only\\s+)?(?:${tables.join('|')})\\b`, 'i')
/** Every token's use is written once a minute; it changes nothing that is kept. */
const harmless = /^\s*update\s+tokens\s+set\s+last_used_at\s/i

const recalls = new WeakMap<object, Recall>()
const nothing: Recall = { get: (_key, load) => load() }

/** Of the process's pool; a transaction or another pool keeps nothing. */
export const recallOf = (db: Tx): Recall => recalls.get(db) ?? nothing

export function openRecall(now = () => performance.now()) {
  const known = new Map<string, { value: object; until: number }>()
  /** Connections whose transaction wrote. */
  const writing = new Set<string>()
  let generation = 0
  const forget = () => {
    generation++
    known.clear()
  }
  const recall: Recall = {
    async get<T extends object>(key: string, load: () => Promise<T | null>, lasts?: (value: T) => boolean) {
      const readAt = now()
      const found = known.get(key)
      if (found && found.until > readAt) return found.value as T
      const before = generation
      const value = await load()
      // what was read beside a writer may be what it replaced
      if (value && before === generation && lasts?.(value) !== false) {
        if (known.size >= MOST) known.clear()
        known.set(key, { value, until: readAt + LIFE_MS })
      }
      return value
    },
  }
  const interceptor: Interceptor = {
    name: 'recall',
    afterQueryExecution: ({ connectionId }, query) => {
      if (writes.test(query.sql) && !harmless.test(query.sql)) {
        writing.add(connectionId)
        forget()
      }
      return null
    },
    beforePoolConnectionRelease: ({ connectionId }) => {
      if (writing.delete(connectionId)) forget()
      return null
    },
  }
  return { recall, interceptor, forget, serve: (pool: object) => void recalls.set(pool, recall) }
}
