import type { Scope } from '../shared/access/access.ts'
import { problem } from '../shared/errors.ts'
import { type Action, actions } from '../shared/permissions.ts'
import type { Session } from '../shared/sessions/sessions.ts'
import { recordForm } from './audit/record.ts'
import { requireCsrfToken, requireSameSite } from './csrf.ts'
import type { Flash } from './flash.ts'
import { type Form, readForm } from './form.ts'
import { type Context, requireMay, type Subject } from './route.ts'

/** What the handler of a page sees. `params`, `access` and loaders of subjects are those of API routes. */
export interface PageContext extends Context {
  session: Session | null
  form: Form
  /** htmx asks for a part of a page. */
  isPartial: boolean
  /** Draws `views/<view>.pug`. `scope` decides what `can('…')` says in it. */
  render(view: string, locals?: Record<string, unknown>): Promise<void>
  /** 303 to a path of this site, with a sentence for its top. */
  redirect(path: string, flash?: Flash): void
  /** Text of one query parameter; '' when absent. */
  ask(name: string): string
}

export interface PageOptions<S extends Subject> {
  /** A row of the permission table. */
  action: Action
  subject?: (ctx: Context) => Promise<S>
}

export type PageHandler<S> = (ctx: PageContext & { subject: S }) => Promise<void>

export interface PageRoute {
  method: 'get' | 'post'
  path: string
  action: Action
  handle(ctx: PageContext): Promise<void>
}

/** Pages and their forms. Each names an action; every POST is checked for its origin and the session's token. */
export class PageRoutes {
  readonly all: PageRoute[] = []

  get = this.adder('get')
  post = this.adder('post')

  private adder(method: PageRoute['method']) {
    return <S extends Subject = Subject>(path: string, options: PageOptions<S>, handler: PageHandler<S>): void => {
      if (!Object.hasOwn(actions, options.action))
        throw new Error(`${method} ${path}: no action ${options.action} in the permission table`)
      this.all.push({ method, path, action: options.action, handle: (ctx) => run(ctx, method, path, options, handler) })
    }
  }
}

async function run<S extends Subject>(
  ctx: PageContext,
  method: PageRoute['method'],
  path: string,
  options: PageOptions<S>,
  handler: PageHandler<S>,
): Promise<void> {
  const isPublic = actions[options.action].on === 'anyone'
  if (method === 'post') requireSameSite(ctx.koa, ctx.origin)
  if (!isPublic && !ctx.session) throw problem('unauthorized')
  if (method === 'post') {
    ctx.form = await readForm(ctx.koa)
    if (ctx.session) requireCsrfToken(ctx.koa, ctx.session, ctx.form)
  }
  const subject = options.subject ? await options.subject(ctx) : ({ scope: {} } as S)
  await requireMay(ctx.access, options.action, subject.scope)
  await handler(Object.assign(ctx, { subject }))
  if (method === 'post') await recordForm(ctx, path, subject)
}

/** Every action that the caller may do there: what `can('run:apply')` in a view answers. */
export async function allowedActions(ctx: Context, scope: Scope): Promise<Set<Action>> {
  const reach = new Set(['account', 'anyone', 'site'])
  if (scope.organizationId) reach.add('organization')
  if (scope.projectId) reach.add('project')
  if (scope.workspaceId) reach.add('workspace')
  const allowed = new Set<Action>()
  for (const action of Object.keys(actions) as Action[]) {
    if (reach.has(actions[action].on) && (await ctx.access.may(action, scope))) allowed.add(action)
  }
  return allowed
}
