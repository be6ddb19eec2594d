import type { Context } from '../route.ts'
import { type ResourceDefinition, resourceObjects } from './document.ts'
import { includedObjects } from './include.ts'
import { type Page, pagination } from './page.ts'

/** A document with one resource, and what `include` asks for. */
export async function one<T>(resource: ResourceDefinition<T>, row: T, ctx: Context): Promise<Record<string, unknown>> {
  const [data] = await resourceObjects(resource, [row], ctx)
  const included = await includedObjects(resource, [row], ctx)
  return { data, ...(included && { included }) }
}

/** A page of a list. `totalCount` absent: a list that is not paged. */
export async function many<T>(
  resource: ResourceDefinition<T>,
  rows: readonly T[],
  ctx: Context,
  paged?: { page: Page; totalCount: number; meta?: Record<string, unknown> },
): Promise<Record<string, unknown>> {
  // the rows first: they read the caller's rights on all of them at once
  const data = await resourceObjects(resource, rows, ctx)
  const included = await includedObjects(resource, rows, ctx)
  const pages = paged && pagination(ctx, paged.page, paged.totalCount)
  return {
    data,
    ...(included && { included }),
    ...(pages && { links: pages.links, meta: { ...pages.meta, ...paged?.meta } }),
  }
}
