import type { Context } from '../route.ts'

/** A query parameter as one text: repeated values are joined like the comma lists they stand for. */
export const textOf = (ctx: Context, name: string): string | undefined => {
  const value = ctx.query[name]
  return (Array.isArray(value) ? value.join(',') : value) || undefined
}

/** A comma list in a query parameter, at most 100 entries of it. */
export const listOf = (ctx: Context, name: string): string[] =>
  (textOf(ctx, name) ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .slice(0, 100)
