import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { actions, type PlanAction, type PlanSummary, type RowChange, type RowKind } from './row.ts'

const Row = z.object({
  number: z.number(),
  head: z.number(),
  fold_size: z.number(),
  kind: z.enum(['change', 'outside', 'output']),
  action: z.enum(actions),
  address: z.string(),
  module: z.string(),
  type: z.string(),
  holds_data: z.boolean(),
  is_noise: z.boolean(),
  change: z.string().transform((text) => JSON.parse(text) as RowChange),
})
export type StoredRow = z.output<typeof Row>

const columns = sql.fragment`
  r.number, r.head, r.fold_size, r.kind, r.action, r.address, r.module, r.type, r.holds_data, r.is_noise, r.change`

/** null while the plan is not cut into rows. */
export async function selectPlanSummary(tx: Tx, planId: string): Promise<PlanSummary | null> {
  const row = await tx.maybeOne(sql.type(z.object({ summary: z.string() }))`
    select summary
    from plan_summaries
    where plan_id = ${planId}`)
  return row && (JSON.parse(row.summary) as PlanSummary)
}

export const orders = ['risk', 'module', 'type'] as const
export type PlanOrder = (typeof orders)[number]

export interface RowFilter {
  kind: RowKind
  actions?: readonly PlanAction[] | undefined
  /** In the address, a path or a value that differs. */
  search?: string | undefined
  withoutNoise?: boolean | undefined
}

function conditions(planId: string, filter: RowFilter): FragmentSqlToken {
  const parts: FragmentSqlToken[] = [sql.fragment`r.plan_id = ${planId} and r.kind = ${filter.kind}`]
  if (filter.actions) parts.push(sql.fragment`r.action = any(${sql.array([...filter.actions], 'text')})`)
  if (filter.withoutNoise) parts.push(sql.fragment`not r.is_noise`)
  if (filter.search) {
    // a hit in one of equal changes shows the row that stands for them; an array is made once, whatever the planner thinks
    parts.push(sql.fragment`r.number = any(array(
      select x.head
      from plan_rows x
      where x.plan_id = ${planId} and x.kind = ${filter.kind} and strpos(x.search, ${filter.search.toLowerCase()}) > 0))`)
  }
  return sql.join(parts, sql.fragment` and `) as unknown as FragmentSqlToken
}

/** Rows that stand for themselves or for equal changes, after the row `after`; one more than asked tells that there are more. */
export function selectHeads(
  tx: Tx,
  planId: string,
  filter: RowFilter,
  page: { order: PlanOrder; after: number; size: number },
) {
  const key = page.order === 'risk' ? null : sql.identifier(['r', page.order])
  const later = key
    ? sql.fragment`
      (${key}, r.number) > (
        select ${sql.identifier(['l', page.order])}, l.number
        from plan_rows l
        where l.plan_id = ${planId} and l.number = ${page.after})`
    : sql.fragment`r.number > ${page.after}`
  return tx.any(sql.type(Row)`
    select ${columns}
    from plan_rows r
    where ${conditions(planId, filter)}
      and r.number = r.head
      and ${page.after === 0 ? sql.fragment`true` : later}
    order by ${key ? sql.fragment`${key}, r.number` : sql.fragment`r.number`}
    limit ${page.size + 1}`)
}

/** Changes by action, folded or not, that the filter lets through. */
export async function countRows(tx: Tx, planId: string, filter: RowFilter): Promise<Map<PlanAction, number>> {
  const rows = await tx.any(sql.type(z.object({ action: z.enum(actions), count: z.number() }))`
    select r.action, sum(r.fold_size)::int as count
    from plan_rows r
    where ${conditions(planId, filter)} and r.number = r.head
    group by r.action`)
  return new Map(rows.map((row) => [row.action, row.count]))
}

export const selectOptionalRow = (tx: Tx, planId: string, number: number) =>
  tx.maybeOne(sql.type(Row)`
    select ${columns}
    from plan_rows r
    where r.plan_id = ${planId} and r.number = ${number}`)

export const selectFoldMembers = (tx: Tx, planId: string, head: number, limit: number) =>
  tx.any(sql.type(Row)`
    select ${columns}
    from plan_rows r
    where r.plan_id = ${planId} and r.head = ${head}
    order by r.number
    limit ${limit}`)
