import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Workdir } from './workdir.ts'

/**
 * How module and provider sources name the server that executes them. A CLI learns it from its cloud or remote backend;
 * here the backend is a local one.
 */
const THIS_SERVER = 'localterraform.com'

/** The engine's CLI configuration for one phase: credentials for this server and the provider mirror. */
export async function writeCliConfig(
  dir: Workdir,
  options: { server: { hostname: string; token: string } | null; providerMirror: string | undefined },
): Promise<string> {
  const lines = ['disable_checkpoint = true']
  if (options.server) {
    const { hostname, token } = options.server
    for (const host of [hostname, THIS_SERVER]) {
      lines.push(`credentials ${quoted(host)} {`, `  token = ${quoted(token)}`, '}')
    }
    const registry = `https://${hostname}/api/registry/v1`
    lines.push(
      `host ${quoted(THIS_SERVER)} {`,
      '  services = {',
      `    "modules.v1" = ${quoted(`${registry}/modules/`)}`,
      `    "providers.v1" = ${quoted(`${registry}/providers/`)}`,
      '  }',
      '}',
    )
  }
  if (options.providerMirror) {
    const mirrored = await listProviders(options.providerMirror)
    lines.push(
      'provider_installation {',
      '  filesystem_mirror {',
      `    path = ${quoted(options.providerMirror)}`,
      '  }',
      // What the mirror has is never asked of a registry, so a worker without internet can use it.
      '  direct {',
      `    exclude = [${mirrored.map(quoted).join(', ')}]`,
      '  }',
      '}',
    )
  }
  const path = join(dir.root, 'cli.tfrc')
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 })
  return path
}

/** `host/namespace/type` of each provider in a mirror or cache folder; none when the folder is missing. */
export async function listProviders(folder: string): Promise<string[]> {
  let paths = ['']
  for (let depth = 0; depth < 3; depth++) {
    const next = paths.map(async (path) => (await subfolders(join(folder, path))).map((name) => join(path, name)))
    paths = (await Promise.all(next)).flat()
  }
  return paths.sort()
}

/** Names below a folder, without hidden ones; none when it is missing. */
export async function subfolders(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
  return names.filter((name) => !name.startsWith('.'))
}

const quoted = (text: string): string => JSON.stringify(text)
