import Router from '@koa/router'
import type { Context as Koa, Middleware } from 'koa'
import type { Method } from './route.ts'

interface Entry {
  method: Method
  path: string
}

// `/api/v2/organizations` of a path, and `/api/v2/organizations/*/workspaces`
function headsOf(path: string): [short: string, long: string] {
  const [, a = '', b = '', c = '', , e] = path.toLowerCase().split('/', 6)
  const short = `/${a}/${b}/${c}`
  return [short, e ? `${short}/*/${e}` : short]
}

const isFixed = (head: string): boolean => !/[:{(]/.test(head)

/**
 * Routes by method and path. A router looks at all its routes one after the other, so there is one for each beginning of
 * paths without a parameter in it; a fixed word goes before a parameter in its place.
 */
export function routeTable<R extends Entry>(
  routes: readonly R[],
  handle: (koa: Koa, route: R) => Promise<void>,
): Middleware {
  const routers = new Map<string, Router>()
  for (const route of routes) {
    const [short, long] = headsOf(route.path)
    const head = [long, short].find(isFixed) ?? ''
    const router: Router = routers.get(head) ?? new Router({ strict: false })
    routers.set(head, router)
    router[route.method](route.path, (koa: Koa) => handle(koa, route))
  }
  const tables = new Map([...routers].map(([head, router]) => [head, router.routes() as unknown as Middleware]))
  return (koa, next) => {
    const [short, long] = headsOf(koa.path)
    const found = [...new Set([long, short, ''])].flatMap((head) => tables.get(head) ?? [])
    const from = (i: number): Promise<unknown> => {
      const table = found[i]
      return table ? table(koa, () => from(i + 1)) : next()
    }
    return from(0)
  }
}
