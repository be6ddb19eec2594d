import type { Middleware } from 'koa'

/** What clients negotiate by, on every answer. Source: shared/api/cli-protocol.md 2.1, 2.6. */
export const apiHeaders: Middleware = async (ctx, next) => {
  ctx.set({
    'TFP-API-Version': '2.6',
    'TFP-AppName': 'Terraform Enterprise',
    'X-TFE-Version': 'v202501-1',
    'X-TFE-Current-Version': '1.1.0',
    'Cache-Control': 'private, no-store',
  })
  await next()
}
