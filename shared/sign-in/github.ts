// Source: https://docs.github.com/rest/users/users, …/users/emails, …/teams/teams and …/orgs/orgs
import * as client from 'openid-client'
import { z } from 'zod'
import type { App } from '../app.ts'
import type { Checks } from './claims.ts'
import { atProvider } from './failures.ts'
import { outboundFetch, ProviderSilent } from './outbound-fetch.ts'
import { type Claims, checkedSubject, isAddress } from './person.ts'
import type { Provider } from './providers.ts'

const User = z.object({ id: z.number().int(), login: z.string().max(100) })
const Email = z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() })
const Team = z.object({ slug: z.string(), organization: z.object({ login: z.string() }) })
const Organization = z.object({ login: z.string() })

const PER_PAGE = 100
const MOST_PAGES = 10

/** GitHub signs nothing: who it is, is asked with the token that the code was good for. Groups: `org/team`, and `org`. */
export const githubClaims = (
  app: App,
  provider: Provider,
  configuration: client.Configuration,
  address: URL,
  checks: Checks,
): Promise<Claims> =>
  atProvider(app, provider, async () => {
    const { access_token } = await client.authorizationCodeGrant(configuration, address, {
      expectedState: checks.state,
      pkceCodeVerifier: checks.verifier,
    })
    const read = <T>(path: string, schema: z.ZodType<T>) => readJson(app, provider, access_token, path, schema)
    const all = async <T>(path: string, schema: z.ZodType<T>): Promise<T[]> => {
      const found: T[] = []
      for (let page = 1; page <= MOST_PAGES; page++) {
        const rows = await read(`${path}?per_page=${PER_PAGE}&page=${page}`, z.array(schema))
        found.push(...rows)
        if (rows.length < PER_PAGE) break
      }
      return found
    }
    const user = await read('/user', User)
    const email = (await all('/user/emails', Email)).find((e) => e.primary && e.verified)?.email ?? null
    const groups: string[] = []
    if (provider.groups_claim !== '') {
      groups.push(...(await all('/user/teams', Team)).map((t) => `${t.organization.login}/${t.slug}`))
      groups.push(...(await all('/user/orgs', Organization)).map((o) => o.login))
    }
    return {
      subject: checkedSubject(provider, String(user.id)),
      email: isAddress(email) ? email : null,
      emailVerified: isAddress(email),
      name: user.login,
      groups,
    }
  })

/** @throws ProviderSilent */
async function readJson<T>(app: App, provider: Provider, token: string, path: string, schema: z.ZodType<T>) {
  const response = await outboundFetch(app)(apiOf(provider.url) + path, {
    method: 'GET',
    redirect: 'manual',
    body: null,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
    },
  })
  if (response.status !== 200) throw new ProviderSilent(`${path.replace(/\?.*/, '')} answers ${response.status}.`)
  const parsed = schema.safeParse(await response.json().catch(() => null))
  if (!parsed.success) throw new ProviderSilent(`${path.replace(/\?.*/, '')} cannot be read.`)
  return parsed.data
}

/** GitHub.com and GHE.com have their API at another host, a server of one's own under a path. */
function apiOf(address: string): string {
  const url = new URL(address)
  if (url.hostname === 'github.com' || url.hostname.endsWith('.ghe.com')) return `https://api.${url.hostname}`
  return `${address.replace(/\/+$/, '')}/api/v3`
}
