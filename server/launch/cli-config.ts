import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LocalTls } from './tls.ts'

/** Ready-made CLI configuration for `terraform` and `tofu` on this machine. */
export interface CliConfig {
  /** As it stands in a `cloud` block: `localhost:8443`. */
  hostname: string
  /** Credentials only; with `caBundle` in SSL_CERT_FILE when the certificate is our own. null: no TLS here. */
  https: { file: string; caBundle: string | null } | null
  /** Credentials and a `host` block that leads to plain http. null: plain http is not served. */
  http: { file: string } | null
}

/** Writes the files into the data folder, readable for its owner only. */
export async function writeCliConfig(
  dataDir: string,
  options: { url: string; plainUrl: string | null; token: string | null; tls: LocalTls | null },
): Promise<CliConfig> {
  const hostname = new URL(options.url).host
  const https = options.url.startsWith('https:')
  const config: CliConfig = {
    hostname,
    https: https ? { file: join(dataDir, 'cli-https.tfrc'), caBundle: options.tls?.bundleFile ?? null } : null,
    http: options.plainUrl ? { file: join(dataDir, 'cli.tfrc') } : null,
  }
  const credentials = options.token ? `credentials "${hostname}" {\n  token = "${options.token}"\n}\n` : ''
  if (config.https) await writeFile(config.https.file, credentials, { mode: 0o600 })
  if (config.http && options.plainUrl) {
    await writeFile(config.http.file, hostBlock(hostname, options.plainUrl) + credentials, { mode: 0o600 })
  }
  return config
}

/** A `host` block skips discovery, which the CLIs do over https only. */
function hostBlock(hostname: string, plainUrl: string): string {
  const services = {
    'tfe.v2': '/api/v2/',
    'tfe.v2.1': '/api/v2/',
    'tfe.v2.2': '/api/v2/',
    'state.v2': '/api/v2/',
    'modules.v1': '/api/registry/v1/modules/',
    'providers.v1': '/api/registry/v1/providers/',
  }
  const lines = Object.entries(services).map(([name, path]) => `    "${name}" = "${plainUrl}${path}"`)
  return `host "${hostname}" {\n  services = {\n${lines.join('\n')}\n  }\n}\n\n`
}

const tokenFile = (dataDir: string): string => join(dataDir, 'api-token')

export const keepToken = (dataDir: string, token: string): Promise<void> =>
  writeFile(tokenFile(dataDir), `${token}\n`, { mode: 0o600 })

export async function keptToken(dataDir: string): Promise<string | null> {
  const text = await readFile(tokenFile(dataDir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.trim() || null
}
