// Our own resource, in the manner of https://developer.hashicorp.com/terraform/enterprise/api-docs/admin
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import { checkAddress, OutboundRefused } from '../../shared/outbound.ts'
import { deleteProvider } from '../../shared/sign-in/delete-provider.ts'
import { isPlainAllowed } from '../../shared/sign-in/outbound-fetch.ts'
import {
  insertProvider,
  type Provider,
  type ProviderInput,
  providerKindNames,
  providerKinds,
  selectOptionalProvider,
  selectProvidersPage,
  updateProvider,
} from '../../shared/sign-in/providers.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'

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
    'callback-url': `${origin}/app/login/${p.slug}/callback`,
    'created-at': p.created_at,
    'updated-at': p.updated_at,
  }),
  links: (p) => ({ self: `/api/v2/admin/sign-in-providers/${p.id}` }),
})

const line = (max: number) =>
  z
    .string()
    .regex(/^[^\x00-\x1f\x7f]*$/, 'has control characters')
    .max(max, 'is too long')
const needed = (max: number) => line(max).min(1, "can't be blank")
const Update = z.object({
  slug: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'has small letters, digits and dashes, 40 at most')
    .optional(),
  name: needed(100).optional(),
  url: needed(2000).optional(),
  'client-id': needed(500).optional(),
  'client-secret': line(4000).nullish(),
  scopes: needed(500).optional(),
  'groups-claim': line(200).optional(),
  'group-prefix': line(20).optional(),
  'allowed-domains': z
    .array(
      z
        .string()
        .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, 'is not a domain')
        .max(253),
    )
    .max(100)
    .optional(),
  'creates-users': z.boolean().optional(),
  'links-users': z.boolean().optional(),
  enabled: z.boolean().optional(),
})
const Create = Update.required({ slug: true, name: true, 'client-id': true }).extend({
  kind: z.enum(providerKindNames, 'is oidc, github or gitlab'),
})

type Given = z.output<typeof Update>

const inputOf = (kind: Provider['kind'], given: Given, p?: Provider): ProviderInput => ({
  kind,
  slug: given.slug ?? p?.slug ?? '',
  name: given.name ?? p?.name ?? '',
  url: given.url ?? p?.url ?? providerKinds[kind].url,
  clientId: given['client-id'] ?? p?.client_id ?? '',
  clientSecret: given['client-secret'] || null,
  scopes: given.scopes ?? p?.scopes ?? providerKinds[kind].scopes,
  groupsClaim: given['groups-claim'] ?? p?.groups_claim ?? providerKinds[kind].groupsClaim,
  groupPrefix: given['group-prefix'] ?? p?.group_prefix ?? providerKinds[kind].prefix,
  allowedDomains: given['allowed-domains']?.map((d) => d.toLowerCase()) ?? p?.allowed_domains ?? [],
  createsUsers: given['creates-users'] ?? p?.creates_users ?? false,
  linksUsers: given['links-users'] ?? p?.links_users ?? false,
  isEnabled: given.enabled ?? p?.is_enabled ?? true,
})

/** @throws problem 'invalid_attribute' */
function checkInput(ctx: Context, input: ProviderInput): ProviderInput {
  const allowed = ctx.app.config.outboundAllow
  try {
    const url = checkAddress(input.url, allowed)
    if (url.protocol !== 'https:' && !isPlainAllowed(input.url, allowed))
      throw invalid('url', 'Url must be an https address, or one that TOFUTF_OUTBOUND_ALLOW names')
    if (url.search || url.hash) throw invalid('url', 'Url must have neither a query nor a fragment')
    // anybody could bring a tenant of their own
    if (url.hostname === 'login.microsoftonline.com' && /^\/(common|organizations|consumers)\b/.test(url.pathname))
      throw invalid('url', 'Url must name one tenant of Entra ID')
  } catch (error) {
    if (error instanceof OutboundRefused) throw invalid('url', `Url ${error.message}`)
    throw error
  }
  if (input.kind !== 'github' && !input.scopes.split(/\s+/).includes('openid'))
    throw invalid('scopes', 'Scopes must have openid among them')
  return input
}

async function providerById(ctx: Context): Promise<Subject & { provider: Provider }> {
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
