import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type AskedIdentity, askedIdentities, gcpProviderName, identityName } from '../../shared/identity/asked.ts'
import type { PhaseWork } from '../../shared/phase.ts'
import { PhaseFailure } from './failure.ts'
import { named, ofPhase } from './identity-settings.ts'
import { endVaultLogin, loginToVault, type VaultLogin } from './vault.ts'
import type { Workdir } from './workdir.ts'

/** Short-lived credentials of a phase, as its engine finds them. */
export interface Identity {
  env: Record<string, string>
  /** What was got for the tokens, to be hidden like them. */
  secrets: string[]
  /** Given back when the phase ends. */
  logins: VaultLogin[]
}

/** What one configuration of a provider gets. */
interface Credentials {
  /** For the provider's own defaults; only the configuration without a tag sets them. */
  env: Record<string, string>
  /** Its entry in `tfc_<provider>_dynamic_credentials`. */
  entry?: Record<string, string>
}

interface Place {
  work: PhaseWork
  /** Writes a file for the engine and returns its path, which is the same in plan and apply. */
  write(name: string, text: string): Promise<string>
  login(asked: AskedIdentity, token: string): Promise<VaultLogin>
}

/**
 * Writes the phase's workload identity tokens where providers look for them.
 * @throws PhaseFailure when a variable is missing, or Vault refuses
 * Source: HCP, "Dynamic provider credentials", one page per provider.
 */
export async function takeIdentity(
  dir: Workdir,
  work: PhaseWork,
  signal: AbortSignal,
  outboundAllow: readonly string[],
): Promise<Identity> {
  const identity: Identity = { env: {}, secrets: [], logins: [] }
  try {
    await fill(identity, dir, work, signal, outboundAllow)
    return identity
  } catch (error) {
    await endIdentity(identity).catch(() => undefined) // the first failure is the one to tell
    throw error
  }
}

async function fill(
  identity: Identity,
  dir: Workdir,
  work: PhaseWork,
  signal: AbortSignal,
  outboundAllow: readonly string[],
): Promise<void> {
  const asked = askedIdentities(work.variables)
  if (asked.length === 0) return
  const folder = join(dir.root, 'identity')
  await mkdir(folder, { mode: 0o700 })
  const place: Place = {
    work,
    async write(name, text) {
      const path = join(folder, name)
      await writeFile(path, text, { mode: 0o600 })
      return path
    },
    async login(of, token) {
      const login = await loginToVault(of, token, { phase: work.phase, allowed: outboundAllow, signal })
      identity.logins.push(login)
      identity.secrets.push(login.token)
      return login
    },
  }
  const entries = new Map<string, { default: object | null; aliases: Record<string, object> }>()
  for (const one of asked) {
    const token = work.identityTokens[identityName(one)]
    if (token === undefined) throw new PhaseFailure(`The server sent no identity token for ${identityName(one)}.`)
    const { env, entry } = await makers[one.provider](place, one, token)
    if (!one.tag || one.provider === 'token') Object.assign(identity.env, env)
    if (!entry) continue
    const name = `TF_VAR_tfc_${one.provider}_dynamic_credentials`
    const all = entries.get(name) ?? { default: null, aliases: {} }
    if (one.tag) all.aliases[one.tag] = entry
    else all.default = entry
    entries.set(name, all)
  }
  for (const [name, value] of entries) identity.env[name] = hclObject(value)
}

/** @throws the first failure, after the others were tried */
export async function endIdentity(identity: Identity | undefined): Promise<void> {
  const ends = await Promise.allSettled((identity?.logins ?? []).map(endVaultLogin))
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed) throw failed.reason
}

const makers: Record<
  AskedIdentity['provider'],
  (place: Place, asked: AskedIdentity, token: string) => Promise<Credentials>
> = {
  async token({ write }, { tag }, token) {
    const suffix = tag ? `_${tag}` : ''
    const path = await write(`token${suffix}`, token)
    return {
      env: {
        [`TFC_WORKLOAD_IDENTITY_TOKEN${suffix}`]: token,
        [`TFC_WORKLOAD_IDENTITY_TOKEN_PATH${suffix}`]: path,
      },
    }
  },

  async aws({ write, work }, asked, token) {
    const role = ofPhase(work, asked, 'ROLE_ARN')
    const file = await write(`${identityName(asked)}-token`, token)
    const config = `[default]\nweb_identity_token_file = ${file}\nrole_arn = ${role}\nrole_session_name = ${work.runId}\n`
    return {
      env: { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_SESSION_NAME: work.runId },
      entry: { shared_config_file: await write(`${identityName(asked)}-config`, config) },
    }
  },

  async gcp({ write, work }, asked, token) {
    const email = ofPhase(work, asked, 'SERVICE_ACCOUNT_EMAIL')
    const name = gcpProviderName(asked.setting)
    if (!/^projects\/[^/]+\/locations\/global\/workloadIdentityPools\/[^/]+\/providers\/[^/]+$/.test(name))
      throw new PhaseFailure(
        `Set ${named(asked, 'WORKLOAD_PROVIDER_NAME')} to projects/<number>/locations/global/workloadIdentityPools/<pool>/providers/<provider>, or project number, pool and provider id one by one.`,
      )
    const credentials = {
      type: 'external_account',
      audience: `//iam.googleapis.com/${name}`,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: 'https://sts.googleapis.com/v1/token',
      credential_source: { file: await write(`${identityName(asked)}-token`, token), format: { type: 'text' } },
      service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`,
    }
    const file = await write(`${identityName(asked)}-credentials.json`, JSON.stringify(credentials))
    return { env: { GOOGLE_CREDENTIALS: file }, entry: { credentials: file } }
  },

  async azure({ write, work }, asked, token) {
    const clientId = ofPhase(work, asked, 'CLIENT_ID')
    const file = await write(`${identityName(asked)}-token`, token)
    return {
      env: { ARM_USE_OIDC: 'true', ARM_CLIENT_ID: clientId, ARM_OIDC_TOKEN: token, ARM_OIDC_TOKEN_FILE_PATH: file },
      entry: {
        client_id_file_path: await write(`${identityName(asked)}-client-id`, clientId),
        oidc_token_file_path: file,
      },
    }
  },

  async kubernetes({ write }, asked, token) {
    return { env: { KUBE_TOKEN: token }, entry: { token_path: await write(`${identityName(asked)}-token`, token) } }
  },

  async vault({ write, login }, asked, token) {
    const got = await login(asked, token)
    const ca = got.ca === undefined ? '' : await write(`${identityName(asked)}-ca.pem`, got.ca)
    return {
      env: {
        VAULT_ADDR: got.address,
        VAULT_TOKEN: got.token,
        // the token lives as long as the phase: no child of it is needed
        TERRAFORM_VAULT_SKIP_CHILD_TOKEN: 'true',
        ...(got.namespace && { VAULT_NAMESPACE: got.namespace }),
        ...(ca && { VAULT_CACERT: ca }),
      },
      entry: {
        token_filename: await write(`${identityName(asked)}-token`, got.token),
        address: got.address,
        namespace: got.namespace,
        ca_cert_file: ca,
      },
    }
  },
}

/** JSON is an HCL expression but for its templates. */
const hclObject = (value: object): string => JSON.stringify(value).replaceAll('${', '$${').replaceAll('%{', '%%{')
