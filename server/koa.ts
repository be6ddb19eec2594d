import Koa, { type Middleware } from 'koa'
import type { App } from '../shared/app.ts'
import { problem } from '../shared/errors.ts'
import { requestLimit } from '../shared/site/limits.ts'
import { accessOf, actorOfToken } from './middleware/actor.ts'
import { apiHeaders } from './middleware/headers.ts'
import { problemsAsJson } from './middleware/problems.ts'
import { rateLimit } from './middleware/rate-limit.ts'
import { originOf } from './origin.ts'
import { pages } from './pages.ts'
import type { Route } from './route.ts'
import { routeTable } from './route-table.ts'
import { apiRoutes } from './routes.ts'

export function createKoa(app: App): Koa {
  const koa = new Koa()
  koa.silent = true
  koa.on('error', (error) => app.log.debug({ err: error.message }, 'connection failure'))
  koa.use(pages(app))
  koa.use(apiHeaders)
  koa.use(problemsAsJson(app))
  koa.use(router(app, apiRoutes))
  koa.use(async () => {
    throw problem('not_found')
  })
  return koa
}

/** Public routes never look at the token: discovery must answer the same with a wrong one. */
function router(app: App, routes: readonly Route[]): Middleware {
  const limit = rateLimit(requestLimit(app))
  return routeTable(routes, async (koa, route) => {
    const isPublic = route.action === 'public:read'
    const actor = isPublic ? nobody : await actorOfToken(app, koa).catch((error) => refuse(koa, error))
    if (!isPublic) await limit(koa, actor)
    await route.handle({
      app,
      koa,
      params: koa.params as Record<string, string>,
      query: koa.query,
      actor,
      access: accessOf(app, actor),
      origin: originOf(app.config, koa),
    })
  })

  /** A wrong token counts against its address. */
  async function refuse(koa: Koa.Context, error: unknown): Promise<never> {
    await limit(koa, nobody)
    throw error
  }
}

const nobody = { kind: 'anonymous' } as const
