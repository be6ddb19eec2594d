import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { userIdOf } from '../../shared/access/actor.ts'
import { invalid } from '../../shared/errors.ts'
import { selectOptionalTeam } from '../../shared/teams/queries.ts'
import { insertToken, type NewToken, selectToken } from '../../shared/tokens/tokens.ts'
import { longestLifeMs } from '../../shared/tokens/ttl-policies.ts'
import { one } from '../jsonapi/answer.ts'
import type { Context } from '../route.ts'
import { authenticationToken } from './json.ts'

/** Attributes of every request that makes a token. */
export const TokenAttributes = z.object({
  description: z.string().max(255, 'is too long (maximum is 255 characters)').nullish(),
  'expired-at': z.iso.datetime({ offset: true, error: 'is not a time' }).nullish(),
})
export type TokenAttributes = z.output<typeof TokenAttributes>

const DEFAULT_YEARS = 2

/** Two years when the request names no end; `null` is no end. */
function wishedEnd(ctx: Context, attributes: TokenAttributes): Date | null {
  const given = attributes['expired-at']
  if (given === null) return null
  if (given === undefined) {
    const end = ctx.app.now()
    end.setUTCFullYear(end.getUTCFullYear() + DEFAULT_YEARS)
    return end
  }
  const end = new Date(given)
  if (end <= ctx.app.now()) throw invalid('expired-at', 'Expired at must be in the future')
  return end
}

const typeOf = { organization: 'organization', 'audit-trail': 'audit_trails', team: 'team' } as const

/**
 * The end, within the longest life that the organization allows.
 * @throws problem 'invalid_attribute' when the request asks for longer
 */
async function endOf(ctx: Context, attributes: TokenAttributes, token: NewTokenOf): Promise<Date | null> {
  const wished = wishedEnd(ctx, attributes)
  const { kind } = token
  if (kind !== 'organization' && kind !== 'audit-trail' && kind !== 'team') return wished
  const organizationId =
    token.organizationId ?? (token.teamId && (await selectOptionalTeam(ctx.app.db, token.teamId))?.organization_id)
  const longestMs = organizationId ? await longestLifeMs(ctx.app.db, organizationId, typeOf[kind]) : null
  if (longestMs === null) return wished
  const latest = new Date(ctx.app.now().getTime() + longestMs)
  if (wished !== null && wished <= latest) return wished
  if (attributes['expired-at'] === undefined) return latest
  throw invalid('expired-at', `Expired at must not be after ${latest.toISOString()}: the organization limits tokens`)
}

type NewTokenOf = Omit<NewToken, 'expiredAt' | 'createdBy' | 'description'>

/** Makes the token and answers it with its text, the only time. `replace` removes the one whose place it takes. */
export async function makeToken(
  ctx: Context,
  attributes: TokenAttributes,
  token: NewTokenOf,
  replace: (tx: Tx) => Promise<unknown> = async () => {},
): Promise<Record<string, unknown>> {
  const expiredAt = await endOf(ctx, attributes, token)
  const made = await ctx.app.db
    .transaction(async (tx) => {
      await replace(tx)
      const { id, token: text } = await insertToken(tx, {
        ...token,
        description: attributes.description ?? '',
        createdBy: userIdOf(ctx.actor),
        expiredAt,
      })
      return { ...(await selectToken(tx, id)), token: text }
    })
    .catch((error: unknown) => {
      if (error instanceof UniqueIntegrityConstraintViolationError)
        throw invalid('description', 'Another token was made at the same time; try again')
      throw error
    })
  return one(authenticationToken, made, ctx)
}
