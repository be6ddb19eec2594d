import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

const Values = z.record(z.string(), z.unknown()).nullable().catch(null)
const HistoryRow = z.object({
  id: z.string(),
  at: z.date(),
  actor_type: z.string(),
  actor_name: z.string(),
  action: z.string(),
  object_type: z.string(),
  object_id: z.string().nullable(),
  address: z.string(),
  before: Values,
  after: Values,
})
export type HistoryEntry = z.output<typeof HistoryRow>

const columns = sql.fragment`
  e.id, e.at, e.actor_type, coalesce(nullif(e.actor_name, ''), t.name, '') as actor_name, e.action, e.object_type,
  e.object_id, e.address, e.before, e.after`
const tables = sql.fragment`audit_entries e left join teams t on e.actor_type = 'team' and t.id = e.actor_id`

/** What was done to one thing, newest first. */
export const selectEntriesOfObject = (tx: Tx, objectId: string, limit: number) =>
  tx.any(sql.type(HistoryRow)`
    select ${columns}
    from ${tables}
    where e.object_id = ${objectId}
    order by e.at desc, e.id
    limit ${limit}`)

export interface HistoryFilter {
  /** a name of who did it, or a part of it, an id, or a kind of thing */
  q: string | null
  action: string | null
  since: Date | null
  until: Date | null
}

/** Everything that was done in an organization, newest first. One row more than asked for says that there are more. */
export const selectHistory = (
  tx: Tx,
  organizationId: string,
  filter: HistoryFilter,
  page: { size: number; offset: number },
) =>
  tx.any(sql.type(HistoryRow)`
    select ${columns}
    from ${tables}
    where e.organization_id = ${organizationId}
      and (${filter.q}::text is null or e.object_id = ${filter.q} or e.object_type = ${filter.q}
        or strpos(lower(e.actor_name), lower(${filter.q})) > 0)
      and (${filter.action}::text is null or e.action = ${filter.action})
      and (${filter.since?.toISOString() ?? null}::timestamptz is null or e.at >= ${filter.since?.toISOString() ?? null}::timestamptz)
      and (${filter.until?.toISOString() ?? null}::timestamptz is null or e.at < ${filter.until?.toISOString() ?? null}::timestamptz)
    order by e.at desc, e.id
    limit ${page.size + 1} offset ${page.offset}`)

/** Fields of forms that are no attribute of anything. */
const noise = new Set(['_csrf', 'nonce', 'confirm', 'return_to'])

/** Names of the attributes that an entry set to something else than they were, as far as it is known. */
export function changedNames({ before, after }: Pick<HistoryEntry, 'before' | 'after'>): string[] {
  return Object.entries(after ?? {})
    .filter(([name, value]) => !noise.has(name) && !same(value, before?.[name]))
    .map(([name]) => name.replaceAll('_', '-'))
}

/** A value that is masked is not known to be the same; a ticked box of a form is sent as `on`. */
function same(after: unknown, before: unknown): boolean {
  if (after === '(masked)') return false
  if (after === 'on') return before === true
  if (before === null || before === undefined) return after === '' || after === null
  return JSON.stringify(after) === JSON.stringify(before)
}
