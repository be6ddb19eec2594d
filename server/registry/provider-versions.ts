// Source: …/terraform/cloud-docs/api-docs/private-registry/provider-versions-platforms
import { z } from 'zod'
import { invalid } from '../../shared/errors.ts'
import {
  deletePlatformRow,
  insertPlatform,
  selectOptionalPlatformById,
  selectPlatformsPage,
} from '../../shared/registry/provider-platforms.ts'
import {
  deleteProviderVersionRow,
  insertProviderVersion,
  selectOptionalProviderVersionById,
  selectProviderVersionsPage,
} from '../../shared/registry/provider-versions.ts'
import { VersionText } from '../../shared/registry/semver.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { Routes } from '../route.ts'
import { registryProviderPlatform, registryProviderVersion, withRights } from './provider-json.ts'
import { providerPage } from './provider-page.ts'
import { platformByName, providerByName, providerVersionByName } from './subject.ts'

const provider = '/organizations/:organization_name/registry-providers/:registry_name/:namespace/:name'
export const providerVersions = new Routes(`/api/v2${provider}/versions`)

const required = z.string("can't be blank").min(1, "can't be blank").max(200)

const NewVersion = z.object({
  version: VersionText,
  'key-id': required,
  protocols: z
    .array(z.string().regex(/^[0-9]+\.[0-9]+$/, 'are versions such as 5.0'))
    .max(20)
    .nullish(),
})

providerVersions.get('', { action: 'registry:read-providers', subject: providerByName }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectProviderVersionsPage(ctx.app.db, ctx.subject.provider.id, page)
  const managed = await Promise.all(rows.map((row) => withRights(ctx, row)))
  return many(registryProviderVersion, managed, ctx, providerPage(ctx, page, totalCount))
})

providerVersions.post(
  '',
  { action: 'registry:manage-providers', subject: providerByName, attributes: NewVersion, answers: 201 },
  async (ctx) => {
    const { provider } = ctx.subject
    if (provider.registry_name !== 'private')
      throw invalid('registry-name', 'Versions of a public provider are kept by its registry')
    const { version, 'key-id': keyId, protocols } = ctx.input.attributes
    const id = await insertProviderVersion(ctx.app.db, {
      providerId: provider.id,
      version,
      keyId,
      protocols: protocols?.length ? protocols : ['5.0'],
    })
    const row = (await selectOptionalProviderVersionById(ctx.app.db, id))!
    return one(registryProviderVersion, await withRights(ctx, row), ctx)
  },
)

providerVersions.get('/:version', { action: 'registry:read-providers', subject: providerVersionByName }, async (ctx) =>
  one(registryProviderVersion, await withRights(ctx, ctx.subject.version), ctx),
)

providerVersions.delete(
  '/:version',
  { action: 'registry:manage-providers', subject: providerVersionByName },
  async (ctx) => {
    await deleteProviderVersionRow(ctx.app.db, ctx.subject.version.id)
  },
)

const NewPlatform = z.object({ os: required, arch: required, shasum: required, filename: required })

providerVersions.get(
  '/:version/platforms',
  { action: 'registry:read-providers', subject: providerVersionByName },
  async (ctx) => {
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectPlatformsPage(ctx.app.db, ctx.subject.version.id, page)
    const managed = await Promise.all(rows.map((row) => withRights(ctx, row)))
    return many(registryProviderPlatform, managed, ctx, providerPage(ctx, page, totalCount))
  },
)

providerVersions.post(
  '/:version/platforms',
  { action: 'registry:manage-providers', subject: providerVersionByName, attributes: NewPlatform, answers: 201 },
  async (ctx) => {
    const id = await insertPlatform(ctx.app.db, { versionId: ctx.subject.version.id, ...ctx.input.attributes })
    const row = (await selectOptionalPlatformById(ctx.app.db, id))!
    return one(registryProviderPlatform, await withRights(ctx, row), ctx)
  },
)

providerVersions.get(
  '/:version/platforms/:os/:arch',
  { action: 'registry:read-providers', subject: platformByName },
  async (ctx) => one(registryProviderPlatform, await withRights(ctx, ctx.subject.platform), ctx),
)

providerVersions.delete(
  '/:version/platforms/:os/:arch',
  { action: 'registry:manage-providers', subject: platformByName },
  async (ctx) => {
    await deletePlatformRow(ctx.app.db, ctx.subject.platform.id)
  },
)
