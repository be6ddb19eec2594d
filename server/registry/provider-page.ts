import { type Page, pagination } from '../jsonapi/page.ts'
import type { Context } from '../route.ts'

/** Lists of providers have no page at all when they are empty; all other lists have one. Source: go-tfe's tests. */
export function providerPage(ctx: Context, page: Page, totalCount: number) {
  if (totalCount > 0) return { page, totalCount }
  const { meta } = pagination(ctx, page, 0)
  return { page, totalCount, meta: { pagination: { ...meta.pagination, 'total-pages': 0 } } }
}
