// Our own resource, in the manner of https://developer.hashicorp.com/terraform/enterprise/api-docs/admin
import { problem } from '../../shared/errors.ts'
import { deleteProvider } from '../../shared/sign-in/delete-provider.ts'
import {
  insertProvider,
  type Provider,
  selectOptionalProvider,
  selectProvidersPage,
  updateProvider,
} from '../../shared/sign-in/providers.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { Create, callbackOf, checkInput, inputOf, Update } from './sign-in-provider-input.ts'

export const adminSignInProviders = new Routes('/api/v2/admin')

const resource = defineResource<Provider>({
  type: 'sign-in-providers',
  id: (p) => p.id,
  attributes: (p, { origin }) => ({
    slug: p.slug,
    kind: p.kind,
    name: p.name,
    url: p.url,
    'client-id': p.client_id,
    scopes: p.scopes,
    'groups-claim': p.groups_claim,
    'group-prefix': p.group_prefix,
    'allowed-domains': p.allowed_domains,
    'creates-users': p.creates_users,
    'links-users': p.links_users,
    enabled: p.is_enabled,
    'identity-count': p.identity_count,
    'callback-url': callbackOf(origin, p.slug),
    'created-at': p.created_at,
    'updated-at': p.updated_at,
  }),
  links: (p) => ({ self: `/api/v2/admin/sign-in-providers/${p.id}` }),
})

/** @throws problem 'not_found', to anybody but site admins always */
export async function providerById(ctx: Context): Promise<Subject & { provider: Provider }> {
  const provider = ctx.access.isSiteAdmin
    ? await selectOptionalProvider(ctx.app.db, ctx.params.sign_in_provider_id!)
    : null
  if (!provider) throw problem('not_found')
  return { provider, scope: {} }
}

const list = '/sign-in-providers'
const byId = '/sign-in-providers/:sign_in_provider_id'
const site = { action: 'site:admin', subject: providerById } as const

adminSignInProviders.get(list, { action: 'site:admin' }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectProvidersPage(ctx.app.db, page)
  return many(resource, rows, ctx, { page, totalCount })
})

adminSignInProviders.post(list, { action: 'site:admin', attributes: Create, answers: 201 }, async (ctx) => {
  const { app, input } = ctx
  const checked = checkInput(ctx, inputOf(input.attributes.kind, input.attributes))
  return one(resource, await insertProvider(app, app.db, checked), ctx)
})

adminSignInProviders.get(byId, site, (ctx) => one(resource, ctx.subject.provider, ctx))

adminSignInProviders.patch(byId, { ...site, attributes: Update }, async (ctx) => {
  const { app, input, subject } = ctx
  const checked = checkInput(ctx, inputOf(subject.provider.kind, input.attributes, subject.provider))
  return one(resource, await updateProvider(app, app.db, subject.provider.id, checked), ctx)
})

adminSignInProviders.delete(byId, site, ({ app, subject }) =>
  app.db.transaction((tx) => deleteProvider(tx, subject.provider.id)),
)
