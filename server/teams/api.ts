// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/teams, …/team-members and …/team-tokens
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import { organizationFlags } from '../../shared/permissions.ts'
import { addTeamMembers, removeTeamMembers, selectMemberships } from '../../shared/teams/members.ts'
import { selectTeamsOfOrganization } from '../../shared/teams/queries.ts'
import { createTeam, deleteTeam, type TeamChange, updateTeam } from '../../shared/teams/teams.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { membership, team } from './json.ts'
import { ownTeamIds, requireOwnerFor, seesSecretTeams, teamById } from './subject.ts'

export const teams = new Routes('/api/v2')

const OrganizationAccess = z.object(
  Object.fromEntries(organizationFlags.map((flag) => [flag, z.boolean().nullish()])),
) as unknown as z.ZodType<Record<string, boolean | null | undefined>>

const attributes = {
  visibility: z.enum(['secret', 'organization'], 'is not included in the list').nullish(),
  'sso-team-id': z.string().max(500).nullish(),
  'allow-member-token-management': z.boolean().nullish(),
  'organization-access': OrganizationAccess.nullish(),
}
const Create = z.object({ ...attributes, name: z.string('is required').min(1, "can't be blank").max(100) })
const Update = z.object({ ...attributes, name: z.string().min(1, "can't be blank").max(100).optional() })

/** @throws problem 'forbidden' for rights over the organization that the caller may not give */
async function changeOf(ctx: Context, organizationId: string, a: z.output<typeof Update>): Promise<TeamChange> {
  const flags = Object.entries(a['organization-access'] ?? {}).filter(([, v]) => typeof v === 'boolean')
  if (flags.length > 0 && !(await ctx.access.hasFlag(organizationId, 'manage-organization-access')))
    throw problem('forbidden', "A team's rights over the organization are given by those who manage them.")
  return {
    name: a.name,
    visibility: a.visibility ?? undefined,
    ssoTeamId: a['sso-team-id'],
    allowMemberTokenManagement: a['allow-member-token-management'] ?? undefined,
    organizationAccess: Object.fromEntries(flags) as Record<string, boolean>,
  }
}

const text = (ctx: Context, name: string): string | null => {
  const value = ctx.query[name]
  return typeof value === 'string' && value !== '' ? value : null
}

teams.get(
  '/organizations/:organization_name/teams',
  { action: 'team:read', subject: organizationByName },
  async (ctx) => {
    const { app, access, subject } = ctx
    const { id } = subject.organization
    const page = pageOf(ctx)
    const filter = {
      ownIds: (await seesSecretTeams(access, id)) ? null : await ownTeamIds(access, id),
      names: text(ctx, 'filter[names]')?.split(',') ?? null,
      q: text(ctx, 'q'),
    }
    const { rows, totalCount } = await selectTeamsOfOrganization(app.db, id, filter, page)
    return many(team, rows, ctx, { page, totalCount })
  },
)

teams.post(
  '/organizations/:organization_name/teams',
  { action: 'team:manage', subject: organizationByName, attributes: Create, answers: 201 },
  async (ctx) => {
    const { id } = ctx.subject.organization
    const change = await changeOf(ctx, id, ctx.input.attributes)
    const { name } = ctx.input.attributes
    return one(team, await ctx.app.db.transaction((tx) => createTeam(tx, id, { ...change, name })), ctx)
  },
)

teams.get('/teams/:team_id', { action: 'team:read', subject: teamById }, (ctx) => one(team, ctx.subject.team, ctx))

teams.patch('/teams/:team_id', { action: 'team:manage', subject: teamById, attributes: Update }, async (ctx) => {
  const { app, access, subject } = ctx
  await requireOwnerFor(access, subject.team)
  const change = await changeOf(ctx, subject.team.organization_id, ctx.input.attributes)
  return one(team, await app.db.transaction((tx) => updateTeam(tx, subject.team, change)), ctx)
})

teams.delete('/teams/:team_id', { action: 'team:manage', subject: teamById }, async ({ app, subject }) => {
  await app.db.transaction((tx) => deleteTeam(tx, subject.team))
})

const Linkages = z
  .array(z.object({ id: z.string().min(1).max(200) }).loose())
  .min(1)
  .max(1000)

/** The ids in a relationship request: usernames, or ids of memberships. */
function idsOf(data: unknown): string[] {
  const parsed = Linkages.safeParse(data)
  if (!parsed.success) throw problem('bad_request', 'data must be a list of objects with type and id.')
  return parsed.data.map((d) => d.id)
}

for (const relation of ['users', 'organization-memberships']) {
  const path = `/teams/:team_id/relationships/${relation}`
  const options = { action: 'membership:manage', subject: teamById, plainBody: true } as const
  teams.post(path, options, async ({ app, access, input, subject }) => {
    await requireOwnerFor(access, subject.team)
    await app.db.transaction((tx) => addTeamMembers(tx, subject.team, idsOf(input.data)))
  })
  teams.delete(path, options, async ({ app, access, input, subject }) => {
    await requireOwnerFor(access, subject.team)
    await app.db.transaction((tx) => removeTeamMembers(tx, subject.team, idsOf(input.data)))
  })
}

teams.get(
  '/teams/:team_id/relationships/organization-memberships',
  { action: 'team:read', subject: teamById },
  async (ctx) => many(membership, await selectMemberships(ctx.app.db, ctx.subject.team.membership_ids), ctx),
)
