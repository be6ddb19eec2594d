import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { RunRow, runColumns, runTables } from '../runs/queries.ts'

export interface SiteRunFilter {
  statuses: readonly string[]
  /** created at or after, before */
  from: Date | null
  to: Date | null
  /** a run's id, or part of a workspace's or organization's name */
  q: string | undefined
}

/** Runs of the whole site, newest first. */
export async function selectSiteRunsPage(tx: Tx, filter: SiteRunFilter, page: { size: number; offset: number }) {
  const q = filter.q ?? null
  const named =
    q === null
      ? sql.fragment`true`
      : sql.fragment`(r.id = ${q} or strpos(lower(w.name), lower(${q})) > 0 or strpos(lower(o.name), lower(${q})) > 0)`
  const where = sql.fragment`
    (${filter.statuses.length === 0} or r.status = any(${sql.array([...filter.statuses], 'text')}))
    and r.created_at >= coalesce(${filter.from?.toISOString() ?? null}::timestamptz, '-infinity')
    and r.created_at <= coalesce(${filter.to?.toISOString() ?? null}::timestamptz, 'infinity')
    and ${named}`
  // which ones, first: the columns hold sub-selects that are made for the page and not for all that is sorted
  const rows = await tx.any(sql.type(RunRow)`
    with picked as (
      select r.id
      from ${runTables}
      where ${where}
      order by r.created_at desc, r.id
      limit ${page.size} offset ${page.offset})
    select ${runColumns}
    from ${runTables}
    where r.id in (select id from picked)
    order by r.created_at desc, r.id`)
  // a count of all asks no workspace for its name
  const counted =
    q === null
      ? sql.fragment`runs r join organizations o on o.id = r.organization_id and o.deleted_at is null`
      : runTables
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from ${counted}
    where ${where}`)
  return { rows, totalCount }
}
