import * as client from 'openid-client'
import type { App } from '../app.ts'
import { isPlainAllowed, outboundFetch } from './outbound-fetch.ts'
import { type Provider, selectClientSecret } from './providers.ts'

const TIMEOUT_SECONDS = 10
const KEPT_MS = 5 * 60_000
/** How far clocks may differ. */
export const TOLERANCE_SECONDS = 60

interface Kept {
  /** of the settings that it was made from */
  updatedAt: number
  until: number
  configuration: Promise<client.Configuration>
}
const kept = new WeakMap<App, Map<string, Kept>>()

/** What is known of a provider: asked for at most every five minutes, however many sign in. */
export function configurationOf(app: App, provider: Provider): Promise<client.Configuration> {
  const all = kept.get(app) ?? new Map<string, Kept>()
  kept.set(app, all)
  const updatedAt = provider.updated_at.getTime()
  const known = all.get(provider.id)
  if (known && known.updatedAt === updatedAt && known.until > Date.now()) return known.configuration
  for (const [id, { until }] of all) if (until <= Date.now()) all.delete(id)
  const configuration = selectClientSecret(app, provider.id).then((secret) =>
    provider.kind === 'github' ? githubConfiguration(app, provider, secret) : discover(app, provider, secret),
  )
  const entry = { updatedAt, until: Date.now() + KEPT_MS, configuration }
  all.set(provider.id, entry)
  configuration.catch(() => {
    if (all.get(provider.id) === entry) all.delete(provider.id)
  })
  return configuration
}

/** Reads the provider's discovery document anew. */
export async function discover(
  app: App,
  provider: Pick<Provider, 'url' | 'client_id'>,
  secret: string,
): Promise<client.Configuration> {
  const isPlain = isPlainAllowed(provider.url, app.config.outboundAllow)
  const found = await client.discovery(new URL(provider.url), provider.client_id, secret, undefined, {
    [client.customFetch]: outboundFetch(app),
    timeout: TIMEOUT_SECONDS,
    execute: isPlain ? [client.allowInsecureRequests] : [],
  })
  const server = found.serverMetadata()
  // the standard says basic where nothing is said
  const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const auth = methods.includes('client_secret_basic')
    ? client.ClientSecretBasic(secret)
    : client.ClientSecretPost(secret)
  const configuration = new client.Configuration(server, provider.client_id, metadata, auth)
  // the signature of the ID token is checked too, although it came over TLS
  client.enableNonRepudiationChecks(configuration)
  return withWayOut(app, configuration, isPlain)
}

/** GitHub has no discovery for sign-ins. Source: docs.github.com, "Authorizing OAuth apps". */
function githubConfiguration(app: App, provider: Provider, secret: string): client.Configuration {
  const base = `${provider.url.replace(/\/+$/, '')}/login/oauth`
  const server = { issuer: base, authorization_endpoint: `${base}/authorize`, token_endpoint: `${base}/access_token` }
  const configuration = new client.Configuration(server, provider.client_id, metadata, client.ClientSecretPost(secret))
  return withWayOut(app, configuration, isPlainAllowed(provider.url, app.config.outboundAllow))
}

const metadata = { [client.clockTolerance]: TOLERANCE_SECONDS }

function withWayOut(app: App, configuration: client.Configuration, isPlain: boolean): client.Configuration {
  configuration[client.customFetch] = outboundFetch(app)
  configuration.timeout = TIMEOUT_SECONDS
  if (isPlain) client.allowInsecureRequests(configuration)
  return configuration
}
