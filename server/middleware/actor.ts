import type { Context as Koa } from 'koa'
import { Access } from '../../shared/access/access.ts'
import type { Actor } from '../../shared/access/actor.ts'
import type { App } from '../../shared/app.ts'
import { problem } from '../../shared/errors.ts'
import { TASK_TOKEN } from '../../shared/tasks/token.ts'
import { authenticate } from '../../shared/tokens/authenticate.ts'

/**
 * The actor of an API request, by its bearer token.
 * @throws problem 'unauthorized' for a token that is not valid: the same answer for all kinds of wrong
 */
export async function actorOfToken(app: App, koa: Koa): Promise<Actor> {
  const header = koa.get('authorization')
  if (header === '') return { kind: 'anonymous' }
  const token = /^Bearer\s+(\S+)$/i.exec(header)?.[1]
  // its own routes look at it; to all others whoever holds it is nobody
  if (token?.startsWith(TASK_TOKEN)) return { kind: 'anonymous' }
  const actor = token ? await authenticate(app, token) : null
  if (!actor) throw problem('unauthorized')
  return actor
}

export const accessOf = (app: App, actor: Actor): Access => new Access(app.db, actor)
