// Source: shared/api/module-provider-registry.md 3, …/terraform/cloud-docs/api-docs/private-registry/modules
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import {
  deleteModuleVersion,
  insertModuleVersion,
  selectOptionalModuleVersion,
} from '../../shared/registry/module-versions.ts'
import {
  deleteModules,
  insertModule,
  RegistryName,
  selectModulesPage,
  selectOptionalModuleById,
  updateModule,
} from '../../shared/registry/modules.ts'
import { VersionText } from '../../shared/registry/semver.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'
import { registryModule, registryModuleVersion } from './module-json.ts'
import { objectUrl } from './objects.ts'
import { queryText } from './query.ts'
import { moduleById, moduleByName } from './subject.ts'
import { changeTags, tagBindings } from './tags.ts'

export const registryModules = new Routes('/api/v2')

const NamePart = z
  .string("can't be blank")
  .regex(
    /^[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62}[0-9A-Za-z])?$/,
    'may only contain letters, numbers, hyphens and underscores, 64 at most',
  )
const System = z
  .string("can't be blank")
  .regex(/^[0-9a-z][0-9a-z_-]{0,63}$/, 'may only contain lower-case letters, numbers, hyphens and underscores')

const TestConfig = z.object({
  'tests-enabled': z.boolean().optional(),
  'agent-execution-mode': z.enum(['remote', 'agent']).nullish(),
  'agent-pool-id': z.string().nullish(),
})

const Create = z.object({
  name: NamePart,
  provider: System,
  'registry-name': RegistryName.default('private'),
  namespace: z.string().optional(),
  'no-code': z.boolean().optional(),
})
const Update = z.object({ 'no-code': z.boolean().optional(), 'test-config': TestConfig.optional() })

const answer = async (ctx: Context, id: string) =>
  one(registryModule, (await selectOptionalModuleById(ctx.app.db, id))!, ctx)

registryModules.get(
  '/organizations/:organization_name/registry-modules',
  { action: 'registry:read', subject: organizationByName },
  async (ctx) => {
    const page = pageOf(ctx)
    const filter = {
      q: queryText(ctx, 'q'),
      provider: queryText(ctx, 'filter[provider]'),
      registryName: queryText(ctx, 'filter[registry_name]'),
      organizationName: queryText(ctx, 'filter[organization_name]'),
    }
    const { rows, totalCount } = await selectModulesPage(ctx.app.db, ctx.subject.organization.id, filter, page)
    return many(registryModule, rows, ctx, { page, totalCount })
  },
)

registryModules.post(
  '/organizations/:organization_name/registry-modules',
  { action: 'registry:manage-modules', subject: organizationByName, attributes: Create, answers: 201 },
  async (ctx) => {
    const { name, provider, namespace, 'registry-name': registryName, 'no-code': noCode } = ctx.input.attributes
    const { organization } = ctx.subject
    const isPublic = registryName === 'public'
    if (isPublic && !namespace) throw invalid('namespace', "Namespace can't be blank for a public module")
    if (!isPublic && namespace && namespace !== organization.name)
      throw invalid('namespace', 'Namespace of a private module is its organization')
    if (isPublic && !NamePart.safeParse(namespace).success)
      throw invalid('namespace', 'Namespace may only contain letters, numbers, hyphens and underscores')
    const id = await ctx.app.db.transaction((tx) =>
      insertModule(tx, {
        organizationId: organization.id,
        registryName,
        namespace: isPublic ? namespace! : null,
        name,
        provider,
        noCode: noCode ?? false,
      }),
    )
    return answer(ctx, id)
  },
)

const named = '/organizations/:organization_name/registry-modules/:registry_name/:namespace/:name'

registryModules.get('/registry-modules/:id', { action: 'registry:read-modules', subject: moduleById }, (ctx) =>
  one(registryModule, ctx.subject.module, ctx),
)
registryModules.get(`${named}/:provider`, { action: 'registry:read-modules', subject: moduleByName }, (ctx) =>
  one(registryModule, ctx.subject.module, ctx),
)
// the address of clients that know no registry names
registryModules.get(
  '/registry-modules/show/:organization_name/:name/:provider',
  { action: 'registry:read-modules', subject: moduleByName },
  (ctx) => one(registryModule, ctx.subject.module, ctx),
)

registryModules.patch(
  `${named}/:provider`,
  { action: 'registry:manage-modules', subject: moduleByName, attributes: Update },
  async (ctx) => {
    const { 'no-code': noCode, 'test-config': testConfig } = ctx.input.attributes
    await updateModule(ctx.app.db, ctx.subject.module.id, { noCode, testConfig })
    await changeTags(ctx, 'registry_modules', ctx.subject.module.id)
    return answer(ctx, ctx.subject.module.id)
  },
)

const NewVersion = z.object({ version: VersionText, 'commit-sha': z.string().max(64).nullish() })

registryModules.post(
  '/registry-modules/:organization_name/:name/:provider/versions',
  { action: 'registry:manage-modules', subject: moduleByName, attributes: NewVersion, answers: 201 },
  async (ctx) => {
    const { app, subject, input } = ctx
    const { version, 'commit-sha': commitSha } = input.attributes
    const id = await insertModuleVersion(app.db, {
      moduleId: subject.module.id,
      version,
      commitSha: commitSha || null,
    })
    const row = (await selectOptionalModuleVersion(app.db, subject.module.id, version))!
    return one(registryModuleVersion, { ...row, upload_url: objectUrl(ctx, 'module-upload', id) }, ctx)
  },
)

registryModules.get(
  `${named}/:provider/version`,
  { action: 'registry:read-modules', subject: moduleByName },
  async (ctx) => {
    const wanted = queryText(ctx, 'module_version')
    const version = wanted && (await selectOptionalModuleVersion(ctx.app.db, ctx.subject.module.id, wanted))
    if (!version) throw problem('not_found')
    const isAwaited = version.blob_id === null && (await ctx.access.may('registry:manage-modules', ctx.subject.scope))
    const row = isAwaited ? { ...version, upload_url: objectUrl(ctx, 'module-upload', version.id) } : version
    return one(registryModuleVersion, row, ctx)
  },
)

registryModules.get(
  '/registry-modules/:id/tag-bindings',
  { action: 'registry:read-modules', subject: moduleById },
  (ctx) => tagBindings(ctx, 'registry_modules', ctx.subject.module.id),
)

/** What an address names to delete: all providers of a module, one of them, or one version of that. */
async function remove(ctx: Context & { subject: OrganizationSubject }): Promise<void> {
  const { app, params, subject } = ctx
  if (params.version) {
    const { module } = await moduleByName(ctx)
    return deleteModuleVersion(app, module.id, params.version)
  }
  await deleteModules(app.db, {
    organizationId: subject.organization.id,
    registryName: params.registry_name ?? null,
    namespace: params.namespace ?? null,
    name: params.name!,
    provider: params.provider ?? null,
  })
}

const old = '/registry-modules/actions/delete/:organization_name/:name'
const removing = { action: 'registry:manage-modules', subject: organizationByName } as const
for (const rest of ['', '/:provider', '/:provider/:version']) {
  registryModules.delete(named + rest, removing, remove)
  registryModules.post(old + rest, removing, remove)
}
