// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/user-tokens and …/organization-tokens
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { selectOptionalTeam } from '../../shared/teams/queries.ts'
import {
  deleteToken,
  selectOptionalLegacyToken,
  selectOptionalToken,
  selectTokensOfUser,
  type Token,
} from '../../shared/tokens/tokens.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { mayManageTeamTokens } from '../teams/token-rights.ts'
import { authenticationToken } from './json.ts'
import { makeToken, TokenAttributes } from './new-token.ts'

export const tokens = new Routes('/api/v2')

/** Tokens of a person are that person's alone. */
function ownUserId({ actor, params }: Context): string {
  if (actor.kind !== 'user' || actor.userId !== params.user_id) throw problem('not_found')
  return actor.userId
}

tokens.get('/users/:user_id/authentication-tokens', { action: 'account:read' }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectTokensOfUser(ctx.app.db, ownUserId(ctx), page)
  return many(authenticationToken, rows, ctx, { page, totalCount })
})

tokens.post(
  '/users/:user_id/authentication-tokens',
  { action: 'account:update', attributes: TokenAttributes, answers: 201 },
  async (ctx) => makeToken(ctx, ctx.input.attributes, { kind: 'user', userId: ownUserId(ctx) }),
)

async function tokenById(ctx: Context): Promise<Token> {
  const id = ctx.params.token_id!
  const token = looksLikeId(id, 'at') ? await selectOptionalToken(ctx.app.db, id) : null
  if (!token || !(await mayManage(ctx, token))) throw problem('not_found')
  return token
}

/** Whoever may make such a token may read and revoke it. */
async function mayManage(ctx: Context, token: Token): Promise<boolean> {
  const { access, actor, app } = ctx
  const scope = token.organization_id ? { organizationId: token.organization_id } : {}
  switch (token.kind) {
    case 'user':
      return actor.kind === 'user' && actor.userId === token.user_id
    case 'team': {
      const team = await selectOptionalTeam(app.db, token.team_id!)
      return team !== null && mayManageTeamTokens(access, team)
    }
    case 'organization':
    case 'audit-trail':
      return access.may('organization-token:manage', scope)
    case 'agent':
      return access.may('agent-pool:manage', scope)
    case 'phase':
      return false
  }
}

tokens.get('/authentication-tokens/:token_id', { action: 'account:read' }, async (ctx) =>
  one(authenticationToken, await tokenById(ctx), ctx),
)

tokens.delete('/authentication-tokens/:token_id', { action: 'account:update' }, async (ctx) => {
  await deleteToken(ctx.app.db, (await tokenById(ctx)).id)
})

const organizationToken = '/organizations/:organization_name/authentication-token'
const managed = { action: 'organization-token:manage', subject: organizationByName } as const

/** `?token=audit-trails` names the other token that an organization has. */
const kindOf = (ctx: Context) => (ctx.query.token === 'audit-trails' ? 'audit-trail' : 'organization')

tokens.get(organizationToken, managed, async (ctx) => {
  const { app, subject } = ctx
  const token = await selectOptionalLegacyToken(app.db, {
    kind: kindOf(ctx),
    organizationId: subject.organization.id,
  })
  if (!token) throw problem('not_found')
  return one(authenticationToken, token, ctx)
})

tokens.post(organizationToken, { ...managed, attributes: TokenAttributes, answers: 201 }, async (ctx) => {
  const of = { kind: kindOf(ctx), organizationId: ctx.subject.organization.id } as const
  return makeToken(ctx, ctx.input.attributes, { ...of, isLegacy: true }, async (tx) => {
    const former = await selectOptionalLegacyToken(tx, of)
    if (former) await deleteToken(tx, former.id)
  })
})

tokens.delete(organizationToken, managed, async (ctx) => {
  const { app, subject } = ctx
  const token = await selectOptionalLegacyToken(app.db, {
    kind: kindOf(ctx),
    organizationId: subject.organization.id,
  })
  if (!token) throw problem('not_found')
  await deleteToken(app.db, token.id)
})
