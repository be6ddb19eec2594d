import type { Interceptor } from 'slonik'

/** Prepared statements: each costs some memory in every connection of the server, for as long as that lives. */
const MOST_NAMED = 400
/** Texts that are counted; the oldest goes first. */
const MOST_COUNTED = 1000
/** Executions before a text gets its name: one with a list of its own in it never comes again. */
const WORTH_IT = 3

/**
 * Names statements that are repeated, so that each connection parses and plans them once: a third of the time that a
 * short transaction takes. Where the values matter to the plan Postgres goes on planning anew (plan_cache_mode auto).
 */
export function preparedStatements(): Interceptor {
  const counts = new Map<string, number>()
  const named = new Map<string, string>()
  let lastName = 0
  const nameOf = (text: string): string | undefined => {
    const name = named.get(text)
    if (name || named.size >= MOST_NAMED) return name
    const count = (counts.get(text) ?? 0) + 1
    if (count >= WORTH_IT) {
      counts.delete(text)
      named.set(text, `tofutf_${++lastName}`)
      return named.get(text)
    }
    counts.set(text, count)
    if (counts.size > MOST_COUNTED) counts.delete(counts.keys().next().value!)
    return undefined
  }
  return {
    name: 'prepared-statements',
    transformQuery: (_, query) => {
      const name = nameOf(query.sql)
      return name ? { ...query, name } : query
    },
    // a migration changed a table meanwhile: from now on under a new name
    queryExecutionError: (_, query, error) => {
      if (/cached plan must not change result type/.test(String(error.cause ?? error.message))) named.delete(query.sql)
      return null
    },
  }
}
