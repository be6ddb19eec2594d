import { z } from 'zod'
import { invalid } from '../../shared/errors.ts'
import { checkAddress, OutboundRefused } from '../../shared/outbound.ts'
import { isPlainAllowed } from '../../shared/sign-in/outbound-fetch.ts'
import { type Provider, type ProviderInput, providerKindNames, providerKinds } from '../../shared/sign-in/providers.ts'
import type { Context } from '../route.ts'

const line = (max: number) =>
  z
    .string()
    .regex(/^[^\x00-\x1f\x7f]*$/, 'has control characters')
    .max(max, 'is too long')
const needed = (max: number) => line(max).min(1, "can't be blank")
/** What may be said of a provider, by the API and by the form. */
export const Update = z.object({
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
export const Create = Update.required({ slug: true, name: true, 'client-id': true }).extend({
  kind: z.enum(providerKindNames, 'is oidc, github or gitlab'),
})

type Given = z.output<typeof Update>

export const inputOf = (kind: Provider['kind'], given: Given, p?: Provider): ProviderInput => ({
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
export function checkInput(ctx: Context, input: ProviderInput): ProviderInput {
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

/** Where the provider sends people back to: its redirect address. */
export const callbackOf = (origin: string, slug: string): string => `${origin}/app/login/${slug}/callback`
