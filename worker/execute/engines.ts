import { stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { execa } from 'execa'
import { subfolders } from './cli-config.ts'
import { type Archive, downloadEngine } from './engine-download.ts'
import { messageOf, PhaseFailure } from './failure.ts'

export type EngineName = 'terraform' | 'tofu'

export interface Engine {
  name: EngineName
  version: string
  path: string
}

export interface EngineConfig {
  engineDir: string
  engineDownload: boolean
}

/** No engine of the wanted version; the message says what to install and what is there. */
export class EngineMissing extends PhaseFailure {}

export const engineNames = ['terraform', 'tofu'] as const

/**
 * The binary of one engine version: on PATH, else in the engine folder, else downloaded into it.
 * @throws EngineMissing
 */
export async function findEngine(
  config: EngineConfig,
  name: EngineName,
  version: string,
  signal?: AbortSignal,
  archives?: Archive[],
): Promise<Engine> {
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) {
    throw new EngineMissing(`${JSON.stringify(version)} is not a version of ${name}: it must be exact, such as 1.11.4`)
  }
  const onPath = (await enginesOnPath(name)).find((engine) => engine.version === version)
  if (onPath) return onPath
  const path = join(config.engineDir, name, version, name)
  if (await isFile(path)) return { name, version, path }
  let why = 'Downloads are switched off (TOFUTF_ENGINE_DOWNLOAD)'
  if (config.engineDownload) {
    try {
      await downloadEngine(name, version, config.engineDir, signal, archives)
      return { name, version, path }
    } catch (error) {
      signal?.throwIfAborted()
      why = `The download failed: ${messageOf(error)}`
    }
  }
  const atHand = (await listEngines(config)).map((engine) => `${engine.name} ${engine.version}`)
  throw new EngineMissing(
    `${title(name)} ${version} is not installed on this worker. ${why}. ` +
      `Install it as ${join(name, version, name)} below the engine folder (TOFUTF_ENGINE_DIR) or on the PATH, ` +
      `or set the workspace to a version at hand: ${atHand.length > 0 ? atHand.join(', ') : 'there is none'}.`,
  )
}

/** The engines that runs can use without a download, PATH first, each version once. */
export async function listEngines(config: Pick<EngineConfig, 'engineDir'>): Promise<Engine[]> {
  const found: Engine[] = []
  const add = (engine: Engine) => {
    if (!found.some(({ name, version }) => name === engine.name && version === engine.version)) found.push(engine)
  }
  for (const name of engineNames) {
    for (const engine of await enginesOnPath(name)) add(engine)
    for (const version of await subfolders(join(config.engineDir, name))) {
      const path = join(config.engineDir, name, version, name)
      if (await isFile(path)) add({ name, version, path })
    }
  }
  return found
}

/** How the engine calls itself in the first line of its log. */
export const title = (name: EngineName): string => (name === 'tofu' ? 'OpenTofu' : 'Terraform')

/** Version by path and modification time: a phase must not pay for a process that only says its version. */
const versions = new Map<string, Promise<string | undefined>>()

async function enginesOnPath(name: EngineName): Promise<Engine[]> {
  const engines: Engine[] = []
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder))) {
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined)
    if (!found?.isFile()) continue
    const key = `${path}\0${found.mtimeMs}`
    const reading = versions.get(key) ?? readVersion(path)
    versions.set(key, reading)
    const version = await reading
    if (version) engines.push({ name, version, path })
    // A failed read (a wrapper that was busy, a file just being written) is tried again next time.
    else versions.delete(key)
  }
  return engines
}

async function readVersion(path: string): Promise<string | undefined> {
  const { stdout, exitCode } = await execa(path, ['version', '-json'], {
    extendEnv: false,
    env: { PATH: process.env.PATH ?? '', CHECKPOINT_DISABLE: '1', HOME: '/nonexistent' },
    cwd: '/',
    reject: false,
    timeout: 30_000,
    maxBuffer: 64 * 1024,
  })
  if (exitCode !== 0) return undefined
  try {
    const version = JSON.parse(String(stdout)).terraform_version
    return typeof version === 'string' ? version : undefined
  } catch {
    return undefined // another program of that name
  }
}

const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() ?? false
