import { orders, type PlanOrder } from '../../shared/plans/queries.ts'
import { actions, type PlanAction, type RowKind } from '../../shared/plans/row.ts'
import type { PageContext } from '../page-route.ts'

/** What a reader asks of a plan; kept in the address. */
export interface PlanAsk {
  kind: RowKind
  action: PlanAction | ''
  q: string
  order: PlanOrder
  withoutNoise: boolean
  after: number
  openAll: boolean
}

export const noAsk: PlanAsk = {
  kind: 'change',
  action: '',
  q: '',
  order: 'risk',
  withoutNoise: false,
  after: 0,
  openAll: false,
}

export function planAskOf(ctx: PageContext): PlanAsk {
  const oneOf = <T extends string>(list: readonly T[], text: string): T | undefined => list.find((v) => v === text)
  return {
    kind: oneOf(['change', 'outside', 'output'] as const, ctx.ask('kind')) ?? 'change',
    action: oneOf(actions, ctx.ask('action')) ?? '',
    q: ctx.ask('q').trim().slice(0, 200),
    order: oneOf(orders, ctx.ask('group')) ?? 'risk',
    withoutNoise: ctx.ask('noise') === 'hide',
    after: Math.max(0, Math.min(Number.parseInt(ctx.ask('after'), 10) || 0, 10_000_000)),
    openAll: ctx.ask('open') === 'all',
  }
}

/** The query of an address that asks for this. */
export function queryOf(ask: PlanAsk, changed: Partial<PlanAsk> = {}): string {
  const all = { ...ask, after: 0, openAll: false, ...changed }
  const query = new URLSearchParams()
  if (all.kind !== 'change') query.set('kind', all.kind)
  if (all.action) query.set('action', all.action)
  if (all.q) query.set('q', all.q)
  if (all.order !== 'risk') query.set('group', all.order)
  if (all.withoutNoise) query.set('noise', 'hide')
  if (all.after) query.set('after', String(all.after))
  if (all.openAll) query.set('open', 'all')
  return query.size > 0 ? `?${query}` : ''
}
