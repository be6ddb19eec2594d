import { timingSafeEqual } from 'node:crypto'
import type { Context as Koa } from 'koa'
import { problem } from '../shared/errors.ts'
import type { Session } from '../shared/sessions/sessions.ts'
import type { Form } from './form.ts'

/** @throws problem 'forbidden' for a request that a page of another site made a browser send */
export function requireSameSite(koa: Koa, origin: string): void {
  const site = koa.get('sec-fetch-site')
  if (site !== '') {
    if (site !== 'same-origin' && site !== 'none') throw foreign()
    return
  }
  // older browsers, and plain http: they send where the form was, unless a client is no browser at all
  const from = koa.get('origin')
  if (from === '') return
  const host = URL.parse(from)?.host
  if (host !== koa.host && host !== URL.parse(origin)?.host) throw foreign()
}

/** @throws problem 'forbidden' when the form does not carry the token of the session */
export function requireCsrfToken(koa: Koa, session: Session, form: Form): void {
  const given = Buffer.from(form.text('_csrf') || koa.get('x-csrf-token'))
  const expected = Buffer.from(session.csrf_token)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw problem('forbidden', 'This form is out of date. Load the page again, then repeat what you did.')
  }
}

const foreign = () => problem('forbidden', 'The request came from a page of another site.')
