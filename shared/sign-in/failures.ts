import * as client from 'openid-client'
import type { App } from '../app.ts'
import { Problem, problem } from '../errors.ts'
import { OutboundRefused } from '../outbound.ts'
import { ProviderSilent } from './outbound-fetch.ts'
import type { Provider } from './providers.ts'

/** What went wrong between us and a provider, as a sentence. Nothing of what it sent is in it. */
export function reasonOf(error: unknown): string {
  if (error instanceof ProviderSilent || error instanceof OutboundRefused) return `It gave no answer: ${error.message}`
  if (error instanceof client.AuthorizationResponseError) {
    return error.error === 'access_denied'
      ? 'The sign-in was not allowed there.'
      : `It answered ${JSON.stringify(error.error.slice(0, 60))}.`
  }
  if (error instanceof client.ResponseBodyError)
    return `It refused to confirm the sign-in (${JSON.stringify(error.error.slice(0, 60))}).`
  if (error instanceof client.WWWAuthenticateChallengeError) return 'It refused the access that it had just given.'
  if (error instanceof client.ClientError) {
    const inner = silentIn(error)
    if (inner) return reasonOf(inner)
    return `Its answer cannot be believed (${error.code ?? 'no code'}).`
  }
  return 'Its answer cannot be read.'
}

const silentIn = (error: Error): unknown => {
  for (let at: unknown = error.cause, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof ProviderSilent || at instanceof OutboundRefused) return at
  }
  return null
}

/** Does something at a provider. @throws problem 'bad_request' with a sentence for the person, whatever went wrong there */
export async function atProvider<T>(app: App, provider: Pick<Provider, 'slug' | 'name'>, act: () => Promise<T>) {
  try {
    return await act()
  } catch (error) {
    if (error instanceof Problem) throw error
    const { code, message } = error as Error & { code?: string }
    // causes hold tokens and claims: only code and message are written down
    app.log.warn({ provider: provider.slug, code, err: message }, 'sign-in failed at the provider')
    throw problem(
      'bad_request',
      `${provider.name} did not confirm who you are. ${reasonOf(error)} Start the sign-in again; when it fails again, tell a site admin.`,
    )
  }
}
