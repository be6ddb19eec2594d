import { invalid, problem } from '../../shared/errors.ts'
import type { Action } from '../../shared/permissions.ts'
import {
  deleteGrant,
  type GrantOn,
  insertGrant,
  selectGrantsOf,
  selectOptionalGrant,
  updateGrant,
} from '../../shared/teams/grants.ts'
import { selectOptionalTeam, selectTeamsOfOrganization } from '../../shared/teams/queries.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import type { PageContext, PageRoutes } from '../page-route.ts'
import type { Context, Subject } from '../route.ts'
import { maySeeTeam, ownTeamIds, seesSecretTeams } from './subject.ts'

/** Roles with what they allow, weakest first. */
export const roles = {
  workspace: {
    read: 'sees runs, states and variables',
    plan: 'also starts plans',
    write: 'also applies, locks, changes variables and state',
    admin: 'everything, settings and deletion too',
  },
  project: {
    read: 'sees every workspace of the project',
    write: 'also plans, applies, locks and changes variables there',
    maintain: 'also makes, changes and deletes workspaces',
    admin: 'everything, the project itself too',
  },
} as const satisfies Record<GrantOn, Record<string, string>>

export interface AccessPageOf<S> {
  on: GrantOn
  read: Action
  manage: Action
  idOf(subject: S): string
  href(subject: S): string
  view: string
  locals(subject: S): Record<string, unknown>
}

/** Which teams may do what on one workspace or project: list, add, change, remove. */
export function accessPages<S extends Subject>(
  routes: PageRoutes,
  path: string,
  subject: (ctx: Context) => Promise<S>,
  of: AccessPageOf<S>,
): void {
  type AccessContext = PageContext & { subject: S }
  const names = Object.keys(roles[of.on])

  async function draw(ctx: AccessContext, more: Record<string, unknown> = {}): Promise<void> {
    const { app, access } = ctx
    const organizationId = ctx.subject.scope.organizationId!
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectGrantsOf(app.db, of.on, of.idOf(ctx.subject), page)
    const ownIds = (await seesSecretTeams(access, organizationId)) ? null : await ownTeamIds(access, organizationId)
    const filter = { ownIds, names: null, q: null }
    const teams = await selectTeamsOfOrganization(app.db, organizationId, filter, { size: 500, offset: 0 })
    const given = new Set(rows.map((g) => g.team_id))
    await ctx.render(of.view, {
      ...of.locals(ctx.subject),
      grants: rows,
      totalCount,
      page,
      roles: roles[of.on],
      accessPath: `${of.href(ctx.subject)}`,
      teams: teams.rows.filter((t) => !t.is_owners && !given.has(t.id)),
      values: { team: '', access: 'read' },
      error: null,
      ...more,
    })
  }

  routes.get(path, { action: of.read, subject }, (ctx) => draw(ctx))

  routes.post(path, { action: of.manage, subject }, async (ctx) => {
    const { app, access, form } = ctx
    const values = { team: form.line('team'), access: form.line('access') }
    await orDrawAgain(
      ctx,
      async () => {
        if (!names.includes(values.access)) throw problem('bad_request')
        const team = await selectOptionalTeam(app.db, values.team)
        if (!team || team.organization_id !== ctx.subject.scope.organizationId || !(await maySeeTeam(access, team)))
          throw invalid('team', 'Choose a team.')
        if (team.is_owners) throw invalid('team', 'Owners have access to everything already.')
        await insertGrant(app.db, of.on, {
          teamId: team.id,
          ofId: of.idOf(ctx.subject),
          access: values.access,
          custom: {},
        })
        ctx.redirect(of.href(ctx.subject), { tone: 'green', text: `${team.name} has the role ${values.access} now.` })
      },
      (error) => draw(ctx, { values, error }),
    )
  })

  async function grantOf(ctx: AccessContext) {
    const grant = await selectOptionalGrant(ctx.app.db, of.on, ctx.params.grant_id!)
    const ofId = of.on === 'workspace' ? grant?.workspace_id : grant?.project_id
    if (!grant || ofId !== of.idOf(ctx.subject)) throw problem('not_found')
    return grant
  }

  routes.post(`${path}/:grant_id`, { action: of.manage, subject }, async (ctx) => {
    const grant = await grantOf(ctx)
    const role = ctx.form.line('access')
    if (!names.includes(role)) throw problem('bad_request')
    await updateGrant(ctx.app.db, of.on, grant.id, { access: role, custom: {} })
    ctx.redirect(of.href(ctx.subject), { tone: 'green', text: `${grant.team_name} has the role ${role} now.` })
  })

  routes.post(`${path}/:grant_id/remove`, { action: of.manage, subject }, async (ctx) => {
    const grant = await grantOf(ctx)
    await deleteGrant(ctx.app.db, of.on, grant.id)
    ctx.redirect(of.href(ctx.subject), { tone: 'green', text: `Removed the access of ${grant.team_name}.` })
  })
}
