import * as client from 'openid-client'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { configurationOf, TOLERANCE_SECONDS } from './client.ts'
import { atProvider } from './failures.ts'
import { githubClaims } from './github.ts'
import { type Claims, checkedSubject, isAddress } from './person.ts'
import type { Provider } from './providers.ts'

/** What this side of a sign-in must still know when the browser comes back. */
export interface Checks {
  state: string
  nonce: string
  verifier: string
}

export const newChecks = (): Checks => ({
  state: client.randomState(),
  nonce: client.randomNonce(),
  verifier: client.randomPKCECodeVerifier(),
})

/** Where the browser goes to sign in. @throws problem 'bad_request' */
export const authorizationAddress = (app: App, provider: Provider, redirectUri: string, checks: Checks): Promise<URL> =>
  atProvider(app, provider, async () => {
    const configuration = await configurationOf(app, provider)
    return client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: provider.scopes,
      state: checks.state,
      code_challenge: await client.calculatePKCECodeChallenge(checks.verifier),
      code_challenge_method: 'S256',
      ...(provider.kind !== 'github' && { nonce: checks.nonce }),
    })
  })

/** Who came back by this address. @throws problem 'bad_request' or 'forbidden' with a sentence for the person */
export async function claimsOf(app: App, provider: Provider, address: URL, checks: Checks): Promise<Claims> {
  const configuration = await atProvider(app, provider, () => configurationOf(app, provider))
  if (provider.kind === 'github') return githubClaims(app, provider, configuration, address, checks)
  const told = await atProvider(app, provider, async () => {
    const tokens = await client.authorizationCodeGrant(configuration, address, {
      expectedState: checks.state,
      expectedNonce: checks.nonce,
      pkceCodeVerifier: checks.verifier,
      idTokenExpected: true,
    })
    const token = tokens.claims()!
    const isThin = token.email === undefined || (provider.groups_claim !== '' && !(provider.groups_claim in token))
    if (!isThin || !configuration.serverMetadata().userinfo_endpoint) return token
    return { ...(await client.fetchUserInfo(configuration, tokens.access_token, token.sub)), ...token }
  })
  // the library has no opinion about the future
  if (told.iat > app.now().getTime() / 1000 + TOLERANCE_SECONDS)
    throw problem(
      'bad_request',
      `${provider.name} says that you will sign in in the future: its clock and the one of this server differ by more than a minute. Tell a site admin.`,
    )
  return asClaims(provider, told)
}

function asClaims(provider: Provider, told: Record<string, unknown>): Claims {
  const text = (name: string): string | null => {
    const value = told[name]
    return typeof value === 'string' && value !== '' ? value : null
  }
  const email = text('email')
  return {
    subject: checkedSubject(provider, told.sub),
    email: isAddress(email) ? email : null,
    // some write it as text
    emailVerified: told.email_verified === true || told.email_verified === 'true',
    name: text('preferred_username') ?? text('nickname') ?? email ?? text('name') ?? '',
    groups: groupsOf(provider, told),
  }
}

const MOST_GROUPS = 1000

function groupsOf(provider: Provider, told: Record<string, unknown>): string[] {
  const { groups_claim: claim } = provider
  if (claim === '') return []
  // Entra ID leaves long lists out and points to another API: nobody can tell then who has left a group
  const elsewhere = told._claim_names
  if (told[claim] === undefined && typeof elsewhere === 'object' && elsewhere !== null && claim in elsewhere)
    throw tooMany(provider)
  const given = told[claim]
  const groups = [typeof given === 'string' || Array.isArray(given) ? given : []].flat()
  if (groups.length > MOST_GROUPS) throw tooMany(provider)
  return groups.filter((g): g is string => typeof g === 'string' && /^[^\x00-\x1f\x7f]{1,480}$/.test(g))
}

const tooMany = (provider: Provider) =>
  problem(
    'forbidden',
    `You are in more groups than ${provider.name} or this server can list. Ask a site admin to have it send those of this application only.`,
  )
