// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/team-tokens
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { Problem, problem } from '../../shared/errors.ts'
import {
  deleteToken,
  selectOptionalLegacyToken,
  selectTeamTokensOfOrganization,
  selectTokensOfTeam,
} from '../../shared/tokens/tokens.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { authenticationToken } from '../tokens/json.ts'
import { makeToken, TokenAttributes } from '../tokens/new-token.ts'
import { type TeamSubject, teamById } from './subject.ts'
import { mayManageTeamTokens } from './token-rights.ts'

export const teamTokens = new Routes('/api/v2')

async function managedTeam(ctx: Context): Promise<TeamSubject> {
  const subject = await teamById(ctx)
  if (!(await mayManageTeamTokens(ctx.access, subject.team))) throw problem('not_found')
  return subject
}

const text = (ctx: Context, name: string): string | null => {
  const value = ctx.query[name]
  return typeof value === 'string' && value !== '' ? value : null
}

const options = { action: 'team:read', subject: managedTeam } as const
const legacy = '/teams/:team_id/authentication-token'

teamTokens.get(legacy, options, async (ctx) => {
  const token = await selectOptionalLegacyToken(ctx.app.db, { kind: 'team', teamId: ctx.subject.team.id })
  if (!token) throw problem('not_found')
  return one(authenticationToken, token, ctx)
})

teamTokens.post(legacy, { ...options, attributes: TokenAttributes, answers: 201 }, async (ctx) => {
  const of = { kind: 'team', teamId: ctx.subject.team.id } as const
  return makeToken(ctx, { 'expired-at': ctx.input.attributes['expired-at'] }, { ...of, isLegacy: true }, async (tx) => {
    const former = await selectOptionalLegacyToken(tx, of)
    if (former) await deleteToken(tx, former.id)
  })
})

teamTokens.delete(legacy, options, async (ctx) => {
  const token = await selectOptionalLegacyToken(ctx.app.db, { kind: 'team', teamId: ctx.subject.team.id })
  if (!token) throw problem('not_found')
  await deleteToken(ctx.app.db, token.id)
})

teamTokens.get('/teams/:team_id/authentication-tokens', options, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectTokensOfTeam(ctx.app.db, ctx.subject.team.id, page)
  return many(authenticationToken, rows, ctx, { page, totalCount })
})

teamTokens.post(
  '/teams/:team_id/authentication-tokens',
  { ...options, attributes: TokenAttributes, answers: 201 },
  async (ctx) => {
    const { team } = ctx.subject
    const description = ctx.input.attributes.description ?? ''
    return makeToken(ctx, ctx.input.attributes, { kind: 'team', teamId: team.id }, async (tx) => {
      // locked, so that of two with the same description one is refused
      await tx.one(sql.type(z.object({ id: z.string() }))`select id from teams where id = ${team.id} for update`)
      const same = await tx.exists(sql.type(z.object({ id: z.string() }))`
        select id
        from tokens
        where team_id = ${team.id} and not is_legacy and description = ${description}`)
      if (same)
        throw new Problem('invalid_attribute', {
          title: 'invalid attributes',
          detail: 'Validation failed: Description has already been taken',
          pointer: '/data/attributes/description',
        })
    })
  },
)

teamTokens.get(
  '/organizations/:organization_name/team-tokens',
  { action: 'team:manage', subject: organizationByName },
  async (ctx) => {
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectTeamTokensOfOrganization(
      ctx.app.db,
      ctx.subject.organization.id,
      { q: text(ctx, 'q'), sort: text(ctx, 'sort') },
      page,
    )
    return many(authenticationToken, rows, ctx, { page, totalCount })
  },
)
