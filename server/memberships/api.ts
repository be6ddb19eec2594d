// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/organization-memberships
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import {
  inviteMember,
  type Membership,
  removeMember,
  selectMembershipsPage,
  selectOptionalMembership,
} from '../../shared/teams/members.ts'
import { selectTeams } from '../../shared/teams/queries.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { membership } from '../teams/json.ts'
import { requireOwnerFor } from '../teams/subject.ts'

export const memberships = new Routes('/api/v2')

interface MembershipSubject extends Subject {
  membership: Membership
}

async function membershipById(ctx: Context): Promise<MembershipSubject> {
  const found = await selectOptionalMembership(ctx.app.db, ctx.params.membership_id!)
  if (!found) throw problem('not_found')
  return { membership: found, scope: { organizationId: found.organization_id } }
}

const text = (ctx: Context, name: string): string | null => {
  const value = ctx.query[name]
  return typeof value === 'string' && value !== '' ? value : null
}

const filters = (ctx: Context) => ({
  emails: text(ctx, 'filter[email]')?.split(',') ?? null,
  status: text(ctx, 'filter[status]'),
  q: text(ctx, 'q'),
})

memberships.get(
  '/organizations/:organization_name/organization-memberships',
  { action: 'membership:read', subject: organizationByName },
  async (ctx) => {
    const page = pageOf(ctx)
    const filter = { ...filters(ctx), organizationId: ctx.subject.organization.id, userId: null }
    const { rows, totalCount } = await selectMembershipsPage(ctx.app.db, filter, page)
    return many(membership, rows, ctx, { page, totalCount })
  },
)

memberships.get('/organization-memberships', { action: 'account:read' }, async (ctx) => {
  if (ctx.actor.kind !== 'user') throw problem('not_found')
  const page = pageOf(ctx)
  const filter = { ...filters(ctx), organizationId: null, userId: ctx.actor.userId }
  const { rows, totalCount } = await selectMembershipsPage(ctx.app.db, filter, page)
  return many(membership, rows, ctx, { page, totalCount })
})

memberships.post(
  '/organizations/:organization_name/organization-memberships',
  {
    action: 'membership:manage',
    subject: organizationByName,
    attributes: z.object({ email: z.string('is required') }),
    answers: 201,
  },
  async (ctx) => {
    const { app, access, input, subject } = ctx
    const { id: organizationId } = subject.organization
    const teamIds = (input.relatedList('teams') ?? []).flatMap((t) => t.id ?? [])
    const teams = await selectTeams(app.db, teamIds)
    if (teams.length < new Set(teamIds).size || teams.some((t) => t.organization_id !== organizationId))
      throw problem('not_found', 'One of the teams is not there.')
    for (const team of teams) await requireOwnerFor(access, team)
    const made = await app.db.transaction(async (tx) => {
      const id = await inviteMember(tx, organizationId, input.attributes.email.trim(), teamIds)
      return selectOptionalMembership(tx, id)
    })
    // clients compare this answer with a later read that includes the user
    return one(membership, made!, { ...ctx, query: { ...ctx.query, include: 'user' } })
  },
)

memberships.get(
  '/organization-memberships/:membership_id',
  { action: 'membership:read', subject: membershipById },
  (ctx) => one(membership, ctx.subject.membership, ctx),
)

memberships.delete(
  '/organization-memberships/:membership_id',
  { action: 'membership:read', subject: membershipById },
  async ({ app, access, actor, subject }) => {
    const { membership: leaving } = subject
    // anybody may leave; others are removed by those who manage members, owners only by owners
    const isOwn = actor.kind === 'user' && actor.userId === leaving.user_id
    if (!isOwn && !(await access.may('membership:manage', subject.scope))) throw problem('forbidden')
    if (!isOwn) for (const team of await selectTeams(app.db, leaving.team_ids)) await requireOwnerFor(access, team)
    await app.db.transaction((tx) => removeMember(tx, leaving))
  },
)
