// Source: shared/api/module-provider-registry.md 3, …/terraform/cloud-docs/api-docs/private-registry/providers
import { z } from 'zod'
import { invalid } from '../../shared/errors.ts'
import {
  deleteProviderRow,
  insertProvider,
  selectOptionalProviderById,
  selectProvidersPage,
} from '../../shared/registry/providers.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { registryProvider } from './provider-json.ts'
import { providerPage } from './provider-page.ts'
import { queryText } from './query.ts'
import { providerById, providerByName } from './subject.ts'
import { changeTags, tagBindings } from './tags.ts'

export const registryProviders = new Routes('/api/v2')

const NamePart = z
  .string("can't be blank")
  .regex(
    /^[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62}[0-9A-Za-z])?$/,
    'may only contain letters, numbers, hyphens and underscores, 64 at most',
  )
const Create = z.object({ name: NamePart, namespace: NamePart, 'registry-name': z.string().nullish() })

registryProviders.get(
  '/organizations/:organization_name/registry-providers',
  { action: 'registry:read', subject: organizationByName },
  async (ctx) => {
    const page = pageOf(ctx)
    const filter = {
      q: queryText(ctx, 'q'),
      registryName: queryText(ctx, 'filter[registry_name]'),
      organizationName: queryText(ctx, 'filter[organization_name]'),
    }
    const { rows, totalCount } = await selectProvidersPage(ctx.app.db, ctx.subject.organization.id, filter, page)
    return many(registryProvider, rows, ctx, providerPage(ctx, page, totalCount))
  },
)

/** @throws problem with both sentences for a blank name, as HCP has it and go-tfe's tests expect */
function registryNameOf(text: string | null | undefined): 'private' | 'public' {
  if (text === 'private' || text === 'public') return text
  const unknown = invalid('registry-name', 'Registry name is not included in the list')
  if (text) throw unknown
  const blank = invalid('registry-name', "Registry name can't be blank")
  blank.more.push(unknown)
  throw blank
}

registryProviders.post(
  '/organizations/:organization_name/registry-providers',
  { action: 'registry:manage-providers', subject: organizationByName, attributes: Create, answers: 201 },
  async (ctx) => {
    const { organization } = ctx.subject
    const { name, namespace } = ctx.input.attributes
    const registryName = registryNameOf(ctx.input.attributes['registry-name'])
    if (registryName === 'private' && namespace !== organization.name)
      throw invalid('namespace', 'Namespace of a private provider is its organization')
    const id = await insertProvider(ctx.app.db, {
      organizationId: organization.id,
      registryName,
      namespace: registryName === 'public' ? namespace : null,
      name,
    })
    return one(registryProvider, (await selectOptionalProviderById(ctx.app.db, id))!, ctx)
  },
)

const named = '/organizations/:organization_name/registry-providers/:registry_name/:namespace/:name'

registryProviders.get('/registry-providers/:id', { action: 'registry:read-providers', subject: providerById }, (ctx) =>
  one(registryProvider, ctx.subject.provider, ctx),
)
registryProviders.get(
  '/registry-providers/:id/tag-bindings',
  { action: 'registry:read-providers', subject: providerById },
  (ctx) => tagBindings(ctx, 'registry_providers', ctx.subject.provider.id),
)
registryProviders.get(named, { action: 'registry:read-providers', subject: providerByName }, (ctx) =>
  one(registryProvider, ctx.subject.provider, ctx),
)
registryProviders.patch(
  named,
  { action: 'registry:manage-providers', subject: providerByName, attributes: z.object({}) },
  async (ctx) => {
    await changeTags(ctx, 'registry_providers', ctx.subject.provider.id)
    return one(registryProvider, (await selectOptionalProviderById(ctx.app.db, ctx.subject.provider.id))!, ctx)
  },
)
registryProviders.delete(named, { action: 'registry:manage-providers', subject: providerByName }, async (ctx) => {
  await deleteProviderRow(ctx.app.db, ctx.subject.provider.id)
})
