import type { Context } from '../route.ts'

/** One value of a query parameter; null when it is absent or empty. */
export const queryText = (ctx: Context, name: string): string | null => [ctx.query[name] ?? []].flat()[0] || null
