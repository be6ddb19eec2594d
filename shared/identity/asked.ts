import type { PhaseVariable } from '../phase.ts'

/**
 * What the environment variables of a workspace ask for. `TFC_AWS_PROVIDER_AUTH=true` asks for a token for AWS;
 * with a tag at the end of each name, `TFC_AWS_PROVIDER_AUTH_PROD`, for one more, and `TFC_DEFAULT_AWS_…` holds what
 * tagged ones have in common. `TFC_WORKLOAD_IDENTITY_AUDIENCE` and tagged ones ask for a token as such.
 * Source: HCP, "Dynamic provider credentials", "Specifying multiple configurations".
 */
export const providers = ['aws', 'gcp', 'azure', 'vault', 'kubernetes'] as const
export type Provider = (typeof providers)[number]

export interface AskedIdentity {
  provider: Provider | 'token'
  /** undefined: the one without a tag */
  tag: string | undefined
  audience: string
  /** The value of `TFC_<PROVIDER>_<name>` for this configuration; undefined when it is not set. */
  setting(name: string): string | undefined
}

const audiences: Record<Provider, (setting: AskedIdentity['setting']) => string> = {
  aws: () => 'aws.workload.identity',
  gcp: (setting) => `//iam.googleapis.com/${gcpProviderName(setting)}`,
  azure: () => 'api://AzureADTokenExchange',
  vault: () => 'vault.workload.identity',
  kubernetes: () => 'kubernetes',
}

/** `projects/…/providers/…`, in one piece or of three. */
export function gcpProviderName(setting: AskedIdentity['setting']): string {
  const [project, pool, provider] = ['PROJECT_NUMBER', 'WORKLOAD_POOL_ID', 'WORKLOAD_PROVIDER_ID'].map(setting)
  return (
    setting('WORKLOAD_PROVIDER_NAME') ??
    `projects/${project ?? ''}/locations/global/workloadIdentityPools/${pool ?? ''}/providers/${provider ?? ''}`
  )
}

/** Bounds what one phase can ask for. */
const MAX_CONFIGURATIONS = 50

export function askedIdentities(variables: readonly PhaseVariable[]): AskedIdentity[] {
  const env = new Map(variables.filter((v) => v.category === 'env').map((v) => [v.key, v.value]))
  const value = (name: string): string | undefined => env.get(name)?.trim() || undefined
  const asked: AskedIdentity[] = []
  for (const key of env.keys()) {
    const auth = /^TFC_(AWS|GCP|AZURE|VAULT|KUBERNETES)_PROVIDER_AUTH(?:_([A-Za-z0-9_]+))?$/.exec(key)
    const plain = /^TFC_WORKLOAD_IDENTITY_AUDIENCE(?:_([A-Za-z0-9_]+))?$/.exec(key)
    const tag = (auth?.[2] ?? plain?.[1]) || undefined
    if (tag === 'TYPE' || asked.length === MAX_CONFIGURATIONS) continue
    if (auth && value(key) === 'true') {
      const prefix = auth[1]!
      const setting = (name: string) =>
        value(`TFC_${prefix}_${name}${tag ? `_${tag}` : ''}`) ?? value(`TFC_DEFAULT_${prefix}_${name}`)
      const provider = prefix.toLowerCase() as Provider
      const audience = setting('WORKLOAD_IDENTITY_AUDIENCE') ?? audiences[provider](setting)
      asked.push({ provider, tag, audience, setting })
    } else if (plain && value(key))
      asked.push({ provider: 'token', tag, audience: value(key)!, setting: () => undefined })
  }
  return asked
}

/** Names a token among those of its phase. */
export const identityName = ({ provider, tag }: Pick<AskedIdentity, 'provider' | 'tag'>): string =>
  tag ? `${provider}-${tag}` : provider
