import type { Context as Koa } from 'koa'
import { z } from 'zod'
import type { Access, Scope } from '../shared/access/access.ts'
import type { Actor } from '../shared/access/actor.ts'
import type { App } from '../shared/app.ts'
import { problem } from '../shared/errors.ts'
import { type Action, actions } from '../shared/permissions.ts'
import { notePermitted, recordCall } from './audit/record.ts'
import { type Input, parseInput, readJson } from './jsonapi/body.ts'

export type Method = 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'

/** What a handler sees of a request. */
export interface Context {
  app: App
  koa: Koa
  params: Record<string, string>
  query: Record<string, string | string[] | undefined>
  actor: Actor
  access: Access
  /** Scheme and host this client reached us by, without a trailing slash: the base of absolute URLs. */
  origin: string
}

export interface Subject {
  scope: Scope
}

export interface RouteOptions<S extends Subject, A extends z.ZodType> {
  /** A row of the permission table. */
  action: Action
  /** Loads what the path names; @throws problem 'not_found'. Without it the action has no scope. */
  subject?: (ctx: Context) => Promise<S>
  /** Schema of data.attributes. Absent: the body is not read (uploads read it themselves). */
  attributes?: A
  /** Plain JSON bodies (run actions and the like) are read too: `input.raw`. */
  plainBody?: true
  maxBodyBytes?: number
  /** What a client hears whose body is larger. */
  tooLarge?: string
  /** Status when the handler returns something; 204 when it returns nothing. */
  answers?: number
}

export type Handler<S, A> = (ctx: Context & { subject: S; input: Input<A> }) => Promise<unknown>

export interface Route {
  method: Method
  path: string
  action: Action
  /** What a request may hold: generated requests come from it. */
  attributes: z.ZodType | undefined
  handle(ctx: Context): Promise<void>
}

const nothing = z.object({})
const DEFAULT_BODY = 2 * 1024 * 1024

/** A list of routes under a prefix. Each names an action: one without cannot be registered. */
export class Routes {
  readonly all: Route[] = []
  private readonly prefix: string

  constructor(prefix = '') {
    this.prefix = prefix
  }

  get = this.adder('get')
  post = this.adder('post')
  put = this.adder('put')
  patch = this.adder('patch')
  delete = this.adder('delete')

  private adder(method: Method) {
    return <S extends Subject = Subject, A extends z.ZodType = typeof nothing>(
      path: string,
      options: RouteOptions<S, A>,
      handler: Handler<S, z.output<A>>,
    ): void => {
      if (!Object.hasOwn(actions, options.action))
        throw new Error(`${method} ${path}: no action ${options.action} in the permission table`)
      this.all.push({
        method,
        path: this.prefix + path,
        action: options.action,
        attributes: options.attributes,
        handle: (ctx) => run(ctx, method, this.prefix + path, options, handler),
      })
    }
  }
}

async function run<S extends Subject, A extends z.ZodType>(
  ctx: Context,
  method: Method,
  path: string,
  options: RouteOptions<S, A>,
  handler: Handler<S, z.output<A>>,
): Promise<void> {
  const { access, koa } = ctx
  const anyone = actions[options.action].on === 'anyone'
  if (!anyone && ctx.actor.kind === 'anonymous') throw problem('unauthorized')
  const subject = options.subject ? await options.subject(ctx) : ({ scope: {} } as S)
  await requireMay(access, options.action, subject.scope)
  const raw =
    options.attributes || options.plainBody
      ? await readJson(koa.req, options.maxBodyBytes ?? DEFAULT_BODY, options.tooLarge)
      : undefined
  const input = parseInput(raw, options.attributes ?? nothing)
  const answer = await handler({ ...ctx, subject, input: input as Input<z.output<A>> })
  if (koa.respond === false || koa.headerSent) return
  if (answer === undefined) {
    if (koa.body === undefined || koa.body === null) koa.status = options.answers ?? 204
  } else {
    koa.status = options.answers ?? 200
    koa.type = 'application/vnd.api+json'
    koa.body = JSON.stringify(answer)
  }
  await recordCall(ctx, { method, path, subject }, input, answer)
}

/** @throws problem 'unauthorized' when the organization refuses the token, 'not_found' when the caller may not even see it, 'forbidden' when they see but may not */
export async function requireMay(access: Access, action: Action, scope: Scope): Promise<void> {
  const { actor } = access
  if (actor.kind === 'user' && scope.organizationId && actor.refusedBy?.includes(scope.organizationId)) {
    throw problem('unauthorized', 'The organization does not take this token: see its rules for tokens of persons.')
  }
  if (await access.may(action, scope)) {
    notePermitted(access, scope)
    return
  }
  if (access.actor.kind !== 'anonymous' && scope.organizationId && (await access.maySee(scope)))
    throw problem('forbidden')
  throw problem('not_found')
}
