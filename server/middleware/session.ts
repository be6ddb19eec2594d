import type { Context as Koa } from 'koa'
import type { Actor } from '../../shared/access/actor.ts'
import type { App } from '../../shared/app.ts'
import { type Session, selectOptionalSession } from '../../shared/sessions/sessions.ts'
import { readCookie } from '../cookies.ts'

/** Who uses the browser. A page never looks at a bearer token, and the API never at a cookie. */
export async function sessionOf(app: App, koa: Koa, origin: string): Promise<Session | null> {
  const id = readCookie(koa, origin, 'session')
  return id ? selectOptionalSession(app.db, id) : null
}

export const actorOfSession = (session: Session | null): Actor =>
  session
    ? {
        kind: 'user',
        userId: session.user_id,
        username: session.username,
        isSiteAdmin: session.is_site_admin,
        tokenId: null,
      }
    : { kind: 'anonymous' }
