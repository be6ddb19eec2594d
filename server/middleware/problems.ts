import { randomUUID } from 'node:crypto'
import type { Middleware } from 'koa'
import { isUnavailable, postgresCode } from '../../db/unavailable.ts'
import type { App } from '../../shared/app.ts'
import { Problem, problem } from '../../shared/errors.ts'

/** What a failure is to a client. Anything unknown is logged with an id and answered without its text. */
export function asProblem(error: unknown, log: App['log'], what: string): Problem {
  if (error instanceof Problem) return error
  const code = postgresCode(error)
  // 22021 / 22P05: a NUL or a broken character in a value that a column cannot hold
  if (code === '22021' || code === '22P05')
    return problem('bad_request', 'A value holds a character that cannot be stored.')
  if (code === '22003') return problem('bad_request', 'A number is out of range.')
  if (isUnavailable(error)) {
    log.error({ err: (error as Error).message, what }, 'the database does not answer')
    return problem('unavailable')
  }
  const id = randomUUID()
  log.error({ err: error, id, what }, 'unexpected failure')
  return new Problem('corrupt', {
    title: 'internal server error',
    detail: `Something failed that should not. The server's log names it: ${id}.`,
  })
}

const errorObject = (p: Problem) => ({
  status: String(p.status),
  title: p.title,
  detail: p.detail,
  ...(p.pointer && { source: { pointer: p.pointer } }),
})

export const jsonProblem = (p: Problem) => ({ errors: [p, ...p.more].map(errorObject) })

/** Turns whatever a later middleware throws into a JSON:API error document. Pages have their own. */
export function problemsAsJson(app: App): Middleware {
  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const found = asProblem(error, app.log, `${ctx.method} ${ctx.path.split('/').slice(0, 4).join('/')}`)
      if (ctx.headerSent) {
        // the status is gone already: a cut connection is the only honest answer left
        ctx.res.destroy()
        return
      }
      ctx.status = found.status
      if (found.status === 401) ctx.set('WWW-Authenticate', 'Bearer')
      ctx.type = 'application/vnd.api+json'
      ctx.body = JSON.stringify(jsonProblem(found))
      // an upload that was refused half way: do not read the rest
      if (!ctx.req.complete) ctx.set('Connection', 'close')
    }
  }
}
