import { problem } from '../../shared/errors.ts'
import { selectOptionalOrganizationByName } from '../../shared/organizations/queries.ts'
import { statuses } from '../../shared/runs/lifecycle.ts'
import { selectJobQueues, selectRunners, selectSiteTotals } from '../../shared/site/health.ts'
import { selectAdminOrganizationsPage, updateAdminOrganization } from '../../shared/site/organizations.ts'
import { selectSiteRunsPage } from '../../shared/site/runs.ts'
import { pageOf } from '../jsonapi/page.ts'
import { PageRoutes } from '../page-route.ts'

export const adminPages = new PageRoutes()

const site = { action: 'site:admin' } as const
const RUNNERS = 100

adminPages.get('/app/admin', site, async (ctx) => {
  const { db } = ctx.app
  await ctx.render('admin/overview', {
    totals: await selectSiteTotals(db),
    runners: await selectRunners(db, RUNNERS),
    queues: await selectJobQueues(db),
  })
})

adminPages.get('/app/admin/organizations', site, async (ctx) => {
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const { rows, totalCount } = await selectAdminOrganizationsPage(ctx.app.db, { q: q || undefined }, page)
  await ctx.render('admin/organizations', { organizations: rows, totalCount, page, q })
})

for (const [name, isDisabled] of [
  ['disable', true],
  ['enable', false],
] as const) {
  adminPages.post(`/app/admin/organizations/:organization_name/${name}`, site, async (ctx) => {
    const { app, params } = ctx
    const organization = await selectOptionalOrganizationByName(app.db, params.organization_name!)
    if (!organization) throw problem('not_found')
    await app.db.transaction((tx) => updateAdminOrganization(tx, organization.id, { 'is-disabled': isDisabled }))
    ctx.redirect('/app/admin/organizations', {
      tone: 'green',
      text: `${organization.name} is ${isDisabled ? 'disabled' : 'enabled again'}.`,
    })
  })
}

adminPages.get('/app/admin/runs', site, async (ctx) => {
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const status = (statuses as readonly string[]).includes(ctx.ask('status')) ? ctx.ask('status') : ''
  const filter = { statuses: status ? [status] : [], from: null, to: null, q: q || undefined }
  const { rows, totalCount } = await selectSiteRunsPage(ctx.app.db, filter, page)
  await ctx.render('admin/runs', { runs: rows, totalCount, page, q, status, statuses })
})

adminPages.get('/app/admin/engines', site, async (ctx) => {
  const runners = (await selectRunners(ctx.app.db, RUNNERS)).filter((r) => r.is_alive)
  const engines = new Map<string, { name: string; version: string; on: string[] }>()
  for (const runner of runners) {
    for (const { name, version } of runner.engines) {
      const known = engines.get(`${name} ${version}`) ?? { name, version, on: [] }
      known.on.push(runner.name)
      engines.set(`${name} ${version}`, known)
    }
  }
  const rows = [...engines.values()].sort(
    (a, b) => a.name.localeCompare(b.name) || b.version.localeCompare(a.version, 'en', { numeric: true }),
  )
  await ctx.render('admin/engines', { engines: rows, runners, downloads: ctx.app.config.engineDownload })
})
