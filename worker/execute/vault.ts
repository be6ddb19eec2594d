import type { AskedIdentity } from '../../shared/identity/asked.ts'
import { type OutboundAnswer, sendOutbound } from '../../shared/outbound.ts'
import type { PhaseWork } from '../../shared/phase.ts'
import { messageOf, PhaseFailure } from './failure.ts'
import { named, ofPhase } from './identity-settings.ts'

/** A token that Vault gave for a workload identity token. */
export interface VaultLogin {
  address: string
  namespace: string
  token: string
  ca: string | undefined
  /** Renews it as long as the phase runs. */
  renewing: NodeJS.Timeout | undefined
  allowed: readonly string[]
}

const TIMEOUT_MS = 20_000
const MAX_ANSWER = 256 * 1024

type Server = Pick<VaultLogin, 'address' | 'namespace' | 'ca' | 'allowed'>

/**
 * Exchanges the workload identity token for a token of Vault's, at the address that the workspace's variables name:
 * through the guard of outgoing requests.
 * @throws PhaseFailure with a sentence that holds no secret
 */
export async function loginToVault(
  asked: AskedIdentity,
  jwt: string,
  of: { phase: PhaseWork['phase']; allowed: readonly string[]; signal: AbortSignal },
): Promise<VaultLogin> {
  const address = asked.setting('ADDR')?.replace(/\/+$/, '')
  if (!address) throw new PhaseFailure(`Set the environment variable ${named(asked, 'ADDR')}.`)
  const role = ofPhase(of, asked, 'ROLE')
  const encoded = asked.setting('ENCODED_CACERT')
  const server: Server = {
    address,
    namespace: asked.setting('NAMESPACE') ?? '',
    ca: encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8'),
    allowed: of.allowed,
  }
  const path = (asked.setting('AUTH_PATH') ?? 'jwt').replace(/^\/+|\/+$/g, '')
  const answer = await ask(server, `auth/${path.split('/').map(encodeURIComponent).join('/')}/login`, { jwt, role })
  of.signal.throwIfAborted()
  const auth = authOf(answer)
  if (!auth) throw new PhaseFailure(`Vault refused the login of ${named(asked, 'RUN_ROLE')}: ${refusalOf(answer)}`)
  const login: VaultLogin = { ...server, token: auth.token, renewing: undefined }
  if (auth.renewAfterMs) login.renewing = setInterval(() => void renew(login), auth.renewAfterMs).unref()
  return login
}

/** Ends the login. What cannot be revoked ends with its time. */
export async function endVaultLogin(login: VaultLogin): Promise<void> {
  clearInterval(login.renewing)
  await ask(login, 'auth/token/revoke-self', {}, login.token)
}

/** A renewal that fails is tried again at the next turn; without one the token ends with its time. */
const renew = (login: VaultLogin): Promise<unknown> =>
  ask(login, 'auth/token/renew-self', {}, login.token).catch(() => undefined)

/** @throws PhaseFailure */
async function ask(server: Server, path: string, body: object, token?: string): Promise<OutboundAnswer> {
  try {
    return await sendOutbound(server.allowed, {
      method: 'POST',
      url: `${server.address}/v1/${path}`,
      headers: {
        'Content-Type': 'application/json',
        'X-Vault-Request': 'true',
        ...(server.namespace && { 'X-Vault-Namespace': server.namespace }),
        ...(token && { 'X-Vault-Token': token }),
      },
      body: JSON.stringify(body),
      timeoutMs: TIMEOUT_MS,
      maxAnswerBytes: MAX_ANSWER,
      ...(server.ca !== undefined && { ca: server.ca }),
    })
  } catch (error) {
    throw new PhaseFailure(`Vault cannot be asked for a token: ${messageOf(error)}`)
  }
}

function authOf(answer: OutboundAnswer): { token: string; renewAfterMs: number | undefined } | undefined {
  if (answer.status !== 200) return undefined
  try {
    const { auth } = JSON.parse(answer.body) as {
      auth?: { client_token?: unknown; lease_duration?: unknown; renewable?: unknown }
    }
    if (typeof auth?.client_token !== 'string') return undefined
    const seconds = auth.renewable === true && typeof auth.lease_duration === 'number' ? auth.lease_duration : 0
    const renewAfterMs = seconds > 1 ? Math.min((seconds * 1000) / 2, MAX_RENEW_MS) : undefined
    return { token: auth.client_token, renewAfterMs }
  } catch {
    return undefined
  }
}

const MAX_RENEW_MS = 3_600_000

/** Vault's own words: `{"errors":["…"]}`. */
function refusalOf(answer: OutboundAnswer): string {
  try {
    const { errors } = JSON.parse(answer.body) as { errors?: unknown }
    if (Array.isArray(errors) && errors.length > 0) return errors.join('; ').slice(0, 500)
  } catch {
    // not Vault's form: the status says enough
  }
  return `it answered with status ${answer.status}`
}
