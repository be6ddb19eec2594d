import { z } from 'zod'
import { Problem } from '../../shared/errors.ts'
import { FLOW_SECONDS } from '../../shared/sign-in/returns.ts'
import { readCookie, writeCookie } from '../cookies.ts'
import type { PageContext } from '../page-route.ts'

/** A sign-in that went to a provider and has not come back: sealed, in the browser that began it, for ten minutes. */
const Flow = z.object({
  providerId: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
  expires: z.number(),
})
export type Flow = z.output<typeof Flow>

const COOKIE = 'sign_in'
const context = 'sign-in-flow'
/** A cookie has 4 kB. */
const LONGEST_RETURN = 1500

export function leaveFlow({ app, koa, origin }: PageContext, flow: Omit<Flow, 'expires'>): void {
  const returnTo = flow.returnTo.length > LONGEST_RETURN ? '/app' : flow.returnTo
  const expires = app.now().getTime() + FLOW_SECONDS * 1000
  const sealed = app.secrets.seal(JSON.stringify({ ...flow, returnTo, expires }), context)
  writeCookie(koa, origin, COOKIE, sealed.toString('base64url'), FLOW_SECONDS)
}

/** Taken from the browser; null when there is none, or it is too old. */
export function takeFlow({ app, koa, origin }: PageContext): Flow | null {
  const cookie = readCookie(koa, origin, COOKIE)
  if (!cookie) return null
  writeCookie(koa, origin, COOKIE, '', 0)
  try {
    const flow = Flow.parse(JSON.parse(app.secrets.open(Buffer.from(cookie, 'base64url'), context).toString()))
    return flow.expires > app.now().getTime() ? flow : null
  } catch (error) {
    // what somebody else wrote into the cookie is no sign-in
    if (error instanceof Problem || error instanceof SyntaxError || error instanceof z.ZodError) return null
    throw error
  }
}
