import { Problem } from '../../shared/errors.ts'
import { createOrganization } from '../../shared/organizations/organizations.ts'
import { selectOrganizationsPage } from '../../shared/organizations/queries.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { organizationByName } from '../subjects.ts'

export const organizationPages = new PageRoutes()

async function home(ctx: PageContext, more: Record<string, unknown> = {}): Promise<void> {
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const filter = { userId: ctx.access.isSiteAdmin ? null : ctx.session!.user_id, organizationId: null, q: q || null }
  const { rows, totalCount } = await selectOrganizationsPage(ctx.app.db, filter, page)
  const values = { name: '', email: ctx.session!.email ?? '' }
  await ctx.render('home/page', { organizations: rows, totalCount, page, q, error: null, values, ...more })
}

organizationPages.get('/app', { action: 'organization:list' }, (ctx) => home(ctx))

organizationPages.post('/app', { action: 'organization:create' }, async (ctx) => {
  const { app, form, session } = ctx
  const values = { name: form.line('name'), email: form.line('email') }
  try {
    if (!/^[^@\s]+@[^@\s]+$/.test(values.email))
      throw new Problem('invalid_attribute', { detail: 'Email is not an e-mail address.' })
    await app.db.transaction((tx) => createOrganization(tx, { ...values, settings: {}, ownerId: session!.user_id }))
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 422) throw error
    ctx.koa.status = 422
    return home(ctx, { values, error: error.detail })
  }
  ctx.redirect(`/app/${values.name}/workspaces`)
})

organizationPages.get(
  '/app/:organization_name',
  { action: 'organization:read', subject: organizationByName },
  async (ctx) => ctx.redirect(`/app/${ctx.subject.organization.name}/workspaces`),
)
