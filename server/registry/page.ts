import { invalid, problem } from '../../shared/errors.ts'
import {
  deleteModuleVersion,
  selectModuleDetails,
  selectOptionalModuleVersion,
} from '../../shared/registry/module-versions.ts'
import { selectModulesPage } from '../../shared/registry/modules.ts'
import { selectPlatformsPage } from '../../shared/registry/provider-platforms.ts'
import { selectProviderVersionsPage } from '../../shared/registry/provider-versions.ts'
import { selectProvidersPage } from '../../shared/registry/providers.ts'
import { newerFirst } from '../../shared/registry/semver.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { readMarkdown } from '../markdown.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import type { Context } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { type ModuleSubject, moduleById, type ProviderSubject, providerById } from './subject.ts'

export const registryPages = new PageRoutes()

const root = '/app/:organization_name/registry'
const listOptions = { action: 'registry:read', subject: organizationByName } as const

registryPages.get(root, listOptions, async (ctx) =>
  ctx.redirect(`/app/${ctx.subject.organization.name}/registry/modules`),
)

registryPages.get(`${root}/modules`, listOptions, async (ctx) => {
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const filter = { q: q || null, provider: null, registryName: null, organizationName: null }
  const { rows, totalCount } = await selectModulesPage(ctx.app.db, organization.id, filter, page)
  const modules = rows.map((m) => ({
    ...m,
    newest: m.versions.filter((v) => v.status === 'ok').toSorted(newerFirst)[0],
  }))
  await ctx.render('registry/modules', { organization, modules, totalCount, page, q })
})

async function moduleOfPath(ctx: Context): Promise<ModuleSubject> {
  const subject = await moduleById(ctx)
  if (subject.module.organization_name.toLowerCase() !== ctx.params.organization_name!.toLowerCase())
    throw problem('not_found')
  return subject
}

const modulePath = `${root}/modules/:id`

async function drawModule(ctx: PageContext & { subject: ModuleSubject }, more: Record<string, unknown> = {}) {
  const { app, subject } = ctx
  const { module } = subject
  const versions = module.versions.toSorted(newerFirst)
  const asked = ctx.ask('version')
  const chosen =
    versions.find((v) => v.version === asked) ?? versions.find((v) => v.status === 'ok') ?? versions[0] ?? null
  const row = chosen && (await selectOptionalModuleVersion(app.db, module.id, chosen.version))
  const details = row?.status === 'ok' ? await selectModuleDetails(app.db, row.id) : null
  const folders = Object.keys(details?.contents ?? {})
  const folder = folders.includes(ctx.ask('folder')) ? ctx.ask('folder') : ''
  await ctx.render('registry/module', {
    module,
    versions,
    version: row,
    folders,
    folder,
    contents: details?.contents?.[folder] ?? null,
    readme: details?.readme ? readMarkdown(details.readme) : null,
    error: null,
    ...more,
  })
}

registryPages.get(modulePath, { action: 'registry:read', subject: moduleOfPath }, (ctx) => drawModule(ctx))

registryPages.post(
  `${modulePath}/delete-version`,
  { action: 'registry:manage-modules', subject: moduleOfPath },
  async (ctx) => {
    const { app, form, subject } = ctx
    const { module } = subject
    const version = form.line('version')
    const base = `/app/${module.organization_name}/registry/modules`
    await orDrawAgain(
      ctx,
      async () => {
        if (form.line('confirm') !== version) throw invalid('confirm', `That is not ${version}. Nothing was deleted.`)
        await deleteModuleVersion(app, module.id, version)
        const isLast = module.versions.length === 1
        ctx.redirect(isLast ? base : `${base}/${module.id}`, {
          tone: 'green',
          text: `Deleted ${version} of ${module.name}${isLast ? ', its last version, and the module with it' : ''}.`,
        })
      },
      (error) => drawModule(ctx, { error }),
    )
  },
)

registryPages.get(`${root}/providers`, listOptions, async (ctx) => {
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const filter = { q: q || null, registryName: null, organizationName: null }
  const { rows, totalCount } = await selectProvidersPage(ctx.app.db, organization.id, filter, page)
  await ctx.render('registry/providers', { organization, providers: rows, totalCount, page, q })
})

async function providerOfPath(ctx: Context): Promise<ProviderSubject> {
  const subject = await providerById(ctx)
  if (subject.provider.organization_name.toLowerCase() !== ctx.params.organization_name!.toLowerCase())
    throw problem('not_found')
  return subject
}

registryPages.get(`${root}/providers/:id`, { action: 'registry:read', subject: providerOfPath }, async (ctx) => {
  const { app, subject } = ctx
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectProviderVersionsPage(app.db, subject.provider.id, page)
  const versions = []
  for (const v of rows.toSorted(newerFirst)) {
    const { rows: platforms } = await selectPlatformsPage(app.db, v.id, { size: 50, offset: 0 })
    versions.push({ ...v, platforms })
  }
  await ctx.render('registry/provider', { provider: subject.provider, versions, totalCount, page })
})
