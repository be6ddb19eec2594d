import { invalid, problem } from '../../shared/errors.ts'
import { organizationFlags } from '../../shared/permissions.ts'
import { addTeamMembers, removeTeamMembers } from '../../shared/teams/members.ts'
import { selectTeamsOfOrganization } from '../../shared/teams/queries.ts'
import { createTeam, deleteTeam, type TeamChange, updateTeam } from '../../shared/teams/teams.ts'
import { deleteToken, selectOptionalToken, selectTokensOfTeam } from '../../shared/tokens/tokens.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import type { Context } from '../route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'
import { tokenOfForm } from '../tokens/shown-once.ts'
import { flagWords } from './flag-words.ts'
import { ownTeamIds, requireOwnerFor, seesSecretTeams, type TeamSubject, teamById } from './subject.ts'
import { mayManageTeamTokens } from './token-rights.ts'

export const teamPages = new PageRoutes()

const list = '/app/:organization_name/teams'
const one = `${list}/:team_id`
const CHOICES = 500

async function visibleTeams(
  ctx: PageContext & { subject: OrganizationSubject },
  page: { size: number; offset: number },
) {
  const { app, access, subject } = ctx
  const { id } = subject.organization
  const ownIds = (await seesSecretTeams(access, id)) ? null : await ownTeamIds(access, id)
  return selectTeamsOfOrganization(app.db, id, { ownIds, names: null, q: ctx.ask('q').trim() || null }, page)
}

async function drawList(ctx: PageContext & { subject: OrganizationSubject }, more: Record<string, unknown> = {}) {
  const page = pageOf(ctx)
  const { rows, totalCount } = await visibleTeams(ctx, page)
  await ctx.render('teams/list', {
    organization: ctx.subject.organization,
    teams: rows,
    totalCount,
    page,
    q: ctx.ask('q').trim(),
    flagCount: organizationFlags.length,
    values: { name: '' },
    error: null,
    ...more,
  })
}

teamPages.get(list, { action: 'team:read', subject: organizationByName }, (ctx) => drawList(ctx))

teamPages.post(list, { action: 'team:manage', subject: organizationByName }, async (ctx) => {
  const { app, form, subject } = ctx
  const { organization } = subject
  const values = { name: form.line('name') }
  await orDrawAgain(
    ctx,
    async () => {
      if (values.name === '') throw invalid('name', 'A team needs a name.')
      const made = await app.db.transaction((tx) =>
        createTeam(tx, organization.id, { name: values.name, visibility: 'organization' }),
      )
      ctx.redirect(`/app/${organization.name}/teams/${made.id}`, { tone: 'green', text: `Made ${made.name}.` })
    },
    (error) => drawList(ctx, { values, error }),
  )
})

/** Who may what over the whole organization: a row for each right, a column for each team. */
teamPages.get(`${list}/rights`, { action: 'team:read', subject: organizationByName }, async (ctx) => {
  const { rows, totalCount } = await visibleTeams(ctx, { size: 50, offset: 0 })
  await ctx.render('teams/rights', {
    organization: ctx.subject.organization,
    teams: rows,
    totalCount,
    flags: organizationFlags,
    flagWords,
  })
})

async function teamOfPath(ctx: Context): Promise<TeamSubject> {
  const subject = await teamById(ctx)
  if (subject.team.organization_name.toLowerCase() !== ctx.params.organization_name!.toLowerCase())
    throw problem('not_found')
  return subject
}

const href = ({ team }: TeamSubject) => `/app/${team.organization_name}/teams/${team.id}`

async function draw(ctx: PageContext & { subject: TeamSubject }, more: Record<string, unknown> = {}) {
  const { app, access, subject } = ctx
  const { team } = subject
  const mayTokens = await mayManageTeamTokens(access, team)
  const users = await selectUsers(app.db, team.user_ids.slice(0, CHOICES))
  const mayChange = !team.is_owners || (await access.isOwner(team.organization_id))
  await ctx.render('teams/show', {
    team,
    users: [...users].sort((a, b) => a.username.localeCompare(b.username, 'en')),
    tokens: mayTokens ? (await selectTokensOfTeam(app.db, team.id, { size: 100, offset: 0 })).rows : [],
    mayTokens,
    mayChange,
    mayGiveRights: await access.hasFlag(team.organization_id, 'manage-organization-access'),
    flags: organizationFlags,
    flagWords,
    values: { ...team, username: '', description: '' },
    made: null,
    error: null,
    ...more,
  })
}

teamPages.get(one, { action: 'team:read', subject: teamOfPath }, (ctx) => draw(ctx))

teamPages.post(one, { action: 'team:manage', subject: teamOfPath }, async (ctx) => {
  const { app, access, form, subject } = ctx
  const { team } = subject
  await requireOwnerFor(access, team)
  const mayGive = !team.is_owners && (await access.hasFlag(team.organization_id, 'manage-organization-access'))
  const change: TeamChange = {
    ...(!team.is_owners && { name: form.line('name') }),
    visibility: form.line('visibility') === 'secret' ? 'secret' : 'organization',
    allowMemberTokenManagement: form.has('member-tokens'),
    ...(form.has('sso-team-id') && { ssoTeamId: form.line('sso-team-id') || null }),
    ...(mayGive && {
      organizationAccess: Object.fromEntries(organizationFlags.map((flag) => [flag, form.has(`flag-${flag}`)])),
    }),
  }
  await orDrawAgain(
    ctx,
    async () => {
      if ((change.ssoTeamId?.length ?? 0) > 500)
        throw invalid('sso-team-id', 'An SSO team ID has 500 characters at most.')
      await app.db.transaction((tx) => updateTeam(tx, team, change))
      ctx.redirect(href(subject), { tone: 'green', text: 'Saved. It holds from the next request on.' })
    },
    (error) => draw(ctx, { values: { ...team, ...change, username: '', description: '' }, error }),
  )
})

const members = { action: 'membership:manage', subject: teamOfPath } as const

teamPages.post(`${one}/members`, members, async (ctx) => {
  const { app, access, form, subject } = ctx
  await requireOwnerFor(access, subject.team)
  const username = form.line('username')
  await orDrawAgain(
    ctx,
    async () => {
      await app.db
        .transaction((tx) => addTeamMembers(tx, subject.team, [username]))
        .catch((error: { problem?: string }) => {
          if (error.problem !== 'not_found') throw error
          throw invalid('username', `“${username}” is no member of the organization. Invite them first.`)
        })
      ctx.redirect(href(subject), { tone: 'green', text: `${username} is in ${subject.team.name} now.` })
    },
    (error) => draw(ctx, { values: { ...subject.team, username, description: '' }, error }),
  )
})

teamPages.post(`${one}/members/remove`, members, async (ctx) => {
  const { app, access, form, subject } = ctx
  await requireOwnerFor(access, subject.team)
  await orDrawAgain(
    ctx,
    async () => {
      await app.db.transaction((tx) => removeTeamMembers(tx, subject.team, [form.line('user')]))
      ctx.redirect(href(subject), { tone: 'green', text: 'Removed from the team.' })
    },
    (error) => draw(ctx, { error }),
  )
})

teamPages.post(`${one}/tokens`, { action: 'team:read', subject: teamOfPath }, async (ctx) => {
  const { team } = ctx.subject
  if (!(await mayManageTeamTokens(ctx.access, team))) throw problem('not_found')
  await orDrawAgain(
    ctx,
    async () => draw(ctx, { made: await tokenOfForm(ctx, { kind: 'team', teamId: team.id }) }),
    (error) => draw(ctx, { error }),
  )
})

teamPages.post(`${one}/tokens/:token_id/revoke`, { action: 'team:read', subject: teamOfPath }, async (ctx) => {
  const { team } = ctx.subject
  const token = await selectOptionalToken(ctx.app.db, ctx.params.token_id!)
  if (token?.team_id !== team.id || !(await mayManageTeamTokens(ctx.access, team))) throw problem('not_found')
  await deleteToken(ctx.app.db, token.id)
  ctx.redirect(href(ctx.subject), { tone: 'green', text: 'Revoked. What still uses it is refused from now on.' })
})

teamPages.post(`${one}/delete`, { action: 'team:manage', subject: teamOfPath }, async (ctx) => {
  const { app, access, form, subject } = ctx
  const { team } = subject
  await requireOwnerFor(access, team)
  await orDrawAgain(
    ctx,
    async () => {
      if (form.line('confirm') !== team.name) throw invalid('confirm', `That is not ${team.name}. Nothing was deleted.`)
      await app.db.transaction((tx) => deleteTeam(tx, team))
      ctx.redirect(`/app/${team.organization_name}/teams`, { tone: 'green', text: `Deleted ${team.name}.` })
    },
    (error) => draw(ctx, { error }),
  )
})
