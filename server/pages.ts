import type { Context as Koa, Middleware } from 'koa'
import type { Scope } from '../shared/access/access.ts'
import type { App } from '../shared/app.ts'
import { type Problem, problem } from '../shared/errors.ts'
import { siteTexts } from '../shared/site/texts.ts'
import { serveAsset } from './assets.ts'
import { barOf } from './bar.ts'
import { leaveFlash, takeFlash } from './flash.ts'
import { formOf } from './form.ts'
import { accessOf } from './middleware/actor.ts'
import { asProblem } from './middleware/problems.ts'
import { actorOfSession, sessionOf } from './middleware/session.ts'
import { originOf } from './origin.ts'
import { allowedActions, type PageContext } from './page-route.ts'
import { pageRoutes } from './page-routes.ts'
import { renderView } from './render.ts'
import { routeTable } from './route-table.ts'
import { securityHeaders } from './security-headers.ts'

const ours = /^\/(app|oauth\/authorize|assets)(\/|$)/

/** What browsers use: pages under /app, the consent of `terraform login`, assets. Everything else is the API's. */
export function pages(app: App): Middleware {
  const table = pageTable()
  const security = securityHeaders(app)
  return async (koa, next) => {
    if (koa.path === '/') return koa.redirect('/app')
    if (koa.path === '/favicon.ico') {
      koa.status = 204
      return
    }
    if (!ours.test(koa.path)) return next()
    await security(koa, async () => {})
    if (serveAsset(koa)) return
    koa.set('Cache-Control', 'private, no-store')
    let ctx: PageContext | null = null
    try {
      ctx = await pageContext(app, koa)
      koa.state.page = ctx
      await table(koa, async () => {
        throw problem(ctx?.session ? 'not_found' : 'unauthorized')
      })
    } catch (error) {
      await answerProblem(app, koa, ctx, error)
    }
  }
}

function pageTable(): (koa: Koa, next: () => Promise<void>) => Promise<unknown> {
  const table = routeTable(pageRoutes, async (koa, route) => {
    const page = koa.state.page as PageContext
    page.params = (koa as Koa & { params: Record<string, string> }).params
    await route.handle(page)
  })
  return table as unknown as (koa: Koa, next: () => Promise<void>) => Promise<unknown>
}

async function pageContext(app: App, koa: Koa): Promise<PageContext> {
  const origin = originOf(app.config, koa)
  const session = await sessionOf(app, koa, origin)
  const actor = actorOfSession(session)
  const access = accessOf(app, actor)
  const isPartial = koa.get('hx-request') === 'true'
  const ctx: PageContext = {
    app,
    koa,
    params: {},
    query: koa.query,
    actor,
    access,
    origin,
    session,
    form: formOf(new URLSearchParams()),
    isPartial,
    ask: (name) => [koa.query[name] ?? ''].flat()[0] ?? '',
    async render(view, locals = {}) {
      const subject = (ctx as PageContext & { subject?: { scope: Scope } }).subject
      const scope: Scope = (locals.scope as Scope | undefined) ?? subject?.scope ?? {}
      const allowed = await allowedActions(ctx, scope)
      const flash = takeFlash(app, koa, origin)
      koa.type = 'text/html; charset=utf-8'
      koa.body = renderView(view, {
        ...frame(ctx),
        site: await siteTexts(app),
        bar: await barOf(ctx, scope.organizationId, allowed),
        flash,
        can: (action: string) => allowed.has(action as never),
        ...locals,
      })
    },
    redirect(path, flash) {
      if (flash) leaveFlash(app, koa, origin, flash)
      if (isPartial) {
        koa.status = 200
        koa.set('HX-Redirect', path)
        koa.body = ''
        return
      }
      koa.status = 303
      koa.set('Location', path)
      koa.body = ''
    },
  }
  return ctx
}

/** What the layout shows on every page. */
const frame = (ctx: PageContext) => ({
  user: ctx.session && { username: ctx.session.username, isSiteAdmin: ctx.session.is_site_admin },
  csrf: ctx.session?.csrf_token ?? '',
  theme: ['light', 'dark'].includes(ctx.koa.cookies.get('tofutf_theme') ?? '')
    ? ctx.koa.cookies.get('tofutf_theme')
    : null,
  path: ctx.koa.path,
  url: ctx.koa.url,
  origin: ctx.origin,
  now: ctx.app.now(),
  ask: ctx.ask,
})

async function answerProblem(app: App, koa: Koa, ctx: PageContext | null, error: unknown): Promise<void> {
  const found = asProblem(error, app.log, `${koa.method} page`)
  if (koa.headerSent) {
    koa.res.destroy()
    return
  }
  if (found.problem === 'unauthorized' && ctx) {
    // a form whose session ended comes back to the page that it was on
    const from = koa.method === 'GET' ? koa.url : (URL.parse(koa.get('referer'))?.pathname ?? '/app')
    return ctx.redirect(`/app/login?return_to=${encodeURIComponent(from)}`)
  }
  koa.status = found.status
  koa.type = 'text/html; charset=utf-8'
  if (!koa.req.complete) koa.set('Connection', 'close')
  const site = found.problem === 'unavailable' ? undefined : await siteTexts(app)
  const locals = { ...(ctx ? frame(ctx) : bareFrame(app, koa)), site, flash: null, can: () => false, problem: found }
  koa.body = renderView(ctx?.isPartial ? 'problems/_note' : 'problems/page', { ...locals, heading: headingOf(found) })
}

const bareFrame = (app: App, koa: Koa) => ({
  user: null,
  csrf: '',
  theme: null,
  path: koa.path,
  url: koa.url,
  origin: '',
  now: app.now(),
  ask: () => '',
})

function headingOf(found: Problem): string {
  if (found.status === 404) return 'There is nothing here'
  if (found.status === 403) return 'You may not do that'
  if (found.status === 503) return 'The database does not answer'
  if (found.status >= 500) return 'Something failed that should not'
  return found.title.charAt(0).toUpperCase() + found.title.slice(1)
}
