import { deleteSession, insertSession } from '../../shared/sessions/sessions.ts'
import { writeCookie } from '../cookies.ts'
import type { PageContext } from '../page-route.ts'

/** Signs the browser in. Always a new session: an id that somebody planted in this browser stays worthless. */
export async function beginSession(ctx: PageContext, user: { id: string; username: string }): Promise<void> {
  const { app, koa, origin } = ctx
  if (ctx.session) await deleteSession(app.db, ctx.session.id)
  const { id } = await insertSession(app.db, { userId: user.id, userAgent: koa.get('user-agent'), address: koa.ip })
  writeCookie(koa, origin, 'session', id, 60 * 24 * 3600)
  // who the audit log names; rights come with the next request
  ctx.actor = { kind: 'user', userId: user.id, username: user.username, isSiteAdmin: false, tokenId: null }
}
