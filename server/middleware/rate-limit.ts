import type { Context as Koa } from 'koa'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Actor } from '../../shared/access/actor.ts'
import { problem } from '../../shared/errors.ts'

/**
 * Requests per second and user, in each web process; a team's or organization's token counts as one user. Workers,
 * agents and engines have no limit: they must not use up a person's, nor lose log chunks to one.
 * Callers without credentials share a limit per address, so that a flood of wrong tokens stays cheap.
 * Headers: clients slow themselves down to two thirds of X-RateLimit-Limit (shared/api/cli-protocol.md 2.1).
 */
export type RateLimit = (koa: Koa, actor: Actor) => Promise<void>

export function rateLimit(currentLimit: () => Promise<number>): RateLimit {
  let limiter: RateLimiterMemory | null = null
  return async (koa, actor) => {
    const key = keyOf(koa, actor)
    const perSecond = await currentLimit()
    if (!key || perSecond === 0) return
    if (limiter?.points !== perSecond) limiter = new RateLimiterMemory({ points: perSecond, duration: 1 })
    const set = (state: RateLimiterRes) => {
      koa.set({
        'X-RateLimit-Limit': String(perSecond),
        'X-RateLimit-Remaining': String(Math.max(0, state.remainingPoints)),
        'X-RateLimit-Reset': (state.msBeforeNext / 1000).toFixed(3),
      })
    }
    try {
      set(await limiter.consume(key))
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      set(error)
      koa.set('Retry-After', '1')
      throw problem(
        'too_many_requests',
        `More than ${perSecond} requests a second. Wait ${(error.msBeforeNext / 1000).toFixed(1)} s.`,
      )
    }
  }
}

function keyOf(koa: Koa, actor: Actor): string | null {
  switch (actor.kind) {
    case 'user':
      return `user:${actor.userId}`
    case 'team':
      return `team:${actor.teamId}`
    case 'organization':
    case 'audit-trail':
      return `organization:${actor.organizationId}`
    case 'anonymous':
      return `address:${koa.ip}`
    case 'agent':
    case 'phase':
      return null
  }
}
