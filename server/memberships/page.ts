import { problem } from '../../shared/errors.ts'
import {
  inviteMember,
  type Membership,
  removeMember,
  selectMembershipsPage,
  selectOptionalMembership,
} from '../../shared/teams/members.ts'
import { selectTeams, selectTeamsOfOrganization } from '../../shared/teams/queries.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'
import { ownTeamIds, requireOwnerFor, seesSecretTeams } from '../teams/subject.ts'

export const membershipPages = new PageRoutes()

const list = '/app/:organization_name/members'
type MembersContext = PageContext & { subject: OrganizationSubject }

async function draw(ctx: MembersContext, more: Record<string, unknown> = {}): Promise<void> {
  const { app, access, subject } = ctx
  const { organization } = subject
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const filter = { organizationId: organization.id, userId: null, emails: null, status: null, q: q || null }
  const { rows, totalCount } = await selectMembershipsPage(app.db, filter, page)
  const users = await selectUsers(
    app.db,
    rows.map((m) => m.user_id),
  )
  const ownIds = (await seesSecretTeams(access, organization.id)) ? null : await ownTeamIds(access, organization.id)
  const teams = await selectTeamsOfOrganization(
    app.db,
    organization.id,
    { ownIds, names: null, q: null },
    { size: 500, offset: 0 },
  )
  const isOwner = await access.isOwner(organization.id)
  await ctx.render('teams/members', {
    organization,
    members: rows,
    totalCount,
    page,
    q,
    names: new Map(users.map((u) => [u.id, u.username])),
    teams: new Map(teams.rows.map((t) => [t.id, t.name])),
    choices: teams.rows.filter((t) => isOwner || !t.is_owners),
    ownId: ctx.session!.user_id,
    values: { email: '', team: '' },
    error: null,
    ...more,
  })
}

membershipPages.get(list, { action: 'membership:read', subject: organizationByName }, (ctx) => draw(ctx))

membershipPages.post(list, { action: 'membership:manage', subject: organizationByName }, async (ctx) => {
  const { app, access, form, subject } = ctx
  const { organization } = subject
  const values = { email: form.line('email'), team: form.line('team') }
  await orDrawAgain(
    ctx,
    async () => {
      const teams = await selectTeams(app.db, values.team ? [values.team] : [])
      if (values.team && teams[0]?.organization_id !== organization.id) throw problem('bad_request')
      for (const team of teams) await requireOwnerFor(access, team)
      const id = await app.db.transaction((tx) =>
        inviteMember(
          tx,
          organization.id,
          values.email,
          teams.map((t) => t.id),
        ),
      )
      const made = await selectOptionalMembership(app.db, id)
      const text =
        made?.status === 'active'
          ? `${values.email} is a member now.`
          : `Invited ${values.email}. They have no password yet: a site admin makes them a link under “Users of this server”.`
      ctx.redirect(`/app/${organization.name}/members`, { tone: 'green', text })
    },
    (error) => draw(ctx, { values, error }),
  )
})

// anybody may leave; others are removed by those who manage members, owners only by owners
membershipPages.post(
  `${list}/:membership_id/remove`,
  { action: 'membership:read', subject: organizationByName },
  async (ctx) => {
    const { app, access, session, subject } = ctx
    const { organization } = subject
    const leaving: Membership | null = await selectOptionalMembership(app.db, ctx.params.membership_id!)
    if (leaving?.organization_id !== organization.id) throw problem('not_found')
    const isOwn = leaving.user_id === session!.user_id
    await orDrawAgain(
      ctx,
      async () => {
        if (!isOwn && !(await access.may('membership:manage', subject.scope))) throw problem('forbidden')
        if (!isOwn) for (const team of await selectTeams(app.db, leaving.team_ids)) await requireOwnerFor(access, team)
        await app.db.transaction((tx) => removeMember(tx, leaving))
        const stays = !isOwn || access.isSiteAdmin
        ctx.redirect(stays ? `/app/${organization.name}/members` : '/app', {
          tone: 'green',
          text: isOwn ? `You left ${organization.name}.` : `Removed ${leaving.email} from ${organization.name}.`,
        })
      },
      (error) => draw(ctx, { error }),
    )
  },
)
