// The text of the files that terraform and tofu read: their CLI configuration and the backend block.
import { mirrored, mirroredHosts } from '../clients/build.ts'

/** The server as a CLI sees it. */
export interface CliServer {
  /** Without a trailing slash. An http address is spoken to by a `host` block, which skips discovery. */
  url: string
  token?: string
  /** PEM file of the authority that signed the server's certificate, for https. */
  caFile?: string
}

/** `localhost:8080`: how configuration and module sources call the server. */
export const hostnameOf = (server: CliServer): string => new URL(server.url).host

/** The CLI configuration file (.tofurc, .terraformrc); the two mirrored providers never leave the machine. */
export function cliConfig(mirror: string, server?: CliServer): string {
  const here = mirroredHosts.flatMap((host) => Object.keys(mirrored).map((type) => `${host}/hashicorp/${type}`))
  const installation = [
    'provider_installation {',
    `  filesystem_mirror {\n    path = ${hcl(mirror)}\n    include = ${hcl(here)}\n  }`,
    `  direct {\n    exclude = ${hcl(here)}\n  }`,
    '}',
  ]
  return [...(server ? hostBlocks(server) : []), ...installation, ''].join('\n')
}

function hostBlocks(server: CliServer): string[] {
  const host = hcl(hostnameOf(server))
  const lines: string[] = []
  if (server.token !== undefined) lines.push(`credentials ${host} {\n  token = ${hcl(server.token)}\n}`)
  if (server.url.startsWith('http:')) {
    const services = {
      'tfe.v2': `${server.url}/api/v2/`,
      'tfe.v2.1': `${server.url}/api/v2/`,
      'tfe.v2.2': `${server.url}/api/v2/`,
      'state.v2': `${server.url}/api/v2/`,
      'modules.v1': `${server.url}/api/registry/v1/modules/`,
      'providers.v1': `${server.url}/api/registry/v1/providers/`,
    }
    const login = {
      client: 'terraform-cli',
      grant_types: ['authz_code'],
      authz: `${server.url}/oauth/authorize`,
      token: `${server.url}/oauth/token`,
      ports: [10000, 10010],
    }
    lines.push(`host ${host} {\n  services = ${hcl({ ...services, 'login.v1': login })}\n}`)
  }
  return lines
}

export interface BackendOptions {
  /** `none`: the local backend, by no block at all. */
  backend: 'cloud' | 'remote' | 'none'
  hostname?: string
  organization?: string
  /** Tags, prefix and project exist for one backend only: cloud has tags and project, remote has the prefix. */
  workspace?: { name: string } | { tags: readonly string[] | Record<string, string> } | { prefix: string }
  project?: string
}

/** The `terraform { … }` block that names the backend; empty for `none`. */
export function backendBlock(options: BackendOptions): string {
  if (options.backend === 'none') return ''
  const settings = { hostname: options.hostname, organization: options.organization }
  const workspaces = { ...options.workspace, project: options.project }
  const head = options.backend === 'cloud' ? 'cloud' : 'backend "remote"'
  const selected =
    Object.keys(definite(workspaces)).length > 0 ? [`    workspaces {\n${lines(workspaces, 6)}    }`] : []
  return ['terraform {', `  ${head} {`, lines(settings, 4).trimEnd(), ...selected, '  }', '}', ''].join('\n')
}

const definite = (values: object) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

const lines = (values: object, indent: number) =>
  Object.entries(definite(values))
    .map(([name, value]) => `${' '.repeat(indent)}${name} = ${hcl(value)}\n`)
    .join('')

/** A value as HCL: JSON, but with `=` in objects and no template sequences. */
function hcl(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(hcl).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{\n${Object.entries(value)
      .map(([name, item]) => `    ${JSON.stringify(name)} = ${hcl(item)}`)
      .join('\n')}\n  }`
  }
  return JSON.stringify(value)
    .replaceAll('${', () => '$${')
    .replaceAll('%{', '%%{')
}
