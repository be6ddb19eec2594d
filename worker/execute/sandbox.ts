import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, resolve, sep } from 'node:path'
import type { Logger } from 'pino'
import { type Config, ConfigError } from '../../shared/config.ts'

type SandboxConfig = Pick<Config, 'dataDir' | 'pluginCacheDir' | 'providerMirror'>

/** What a sandboxed command sees beside the system's own files, which it may only read. */
export interface SandboxPlaces {
  /** The folder of its phase: the only place it may write to, but for a /tmp of its own. */
  root: string
  engine: string
  cwd: string
  certificateFile: string | undefined
}

/**
 * The command in a sandbox of bubblewrap: a PID namespace of its own, so that it neither sees nor signals any other
 * process; the system read-only; no data folder, no other run's folder, no shared /tmp. The network stays.
 *
 * The shell leaves INT ignored in bubblewrap's own two processes: the group's signal must end the engine, not them.
 * An engine installs its handler all the same, and gives what it starts the default again.
 */
export function sandboxed(
  config: SandboxConfig,
  places: SandboxPlaces,
  command: { binary: string; args: readonly string[] },
): { binary: string; args: readonly string[] } {
  const hidden = outermost(['/tmp', '/var/tmp', config.dataDir, dirname(places.root)].map((path) => resolve(path)))
  const read = [places.engine, config.pluginCacheDir, config.providerMirror, places.certificateFile]
  const args = [
    ...BASE,
    ...hidden.filter((path) => existsSync(path)).flatMap((path) => ['--tmpfs', path]),
    ...read.flatMap((path) => (path && existsSync(path) ? ['--ro-bind', path, path] : [])),
    '--bind',
    places.root,
    places.root,
    '--chdir',
    places.cwd,
    '--',
    command.binary,
    ...command.args,
  ]
  return { binary: '/bin/sh', args: ['-c', `trap '' INT; exec bwrap "$@"`, 'sandbox', ...args] }
}

const BASE = ['--unshare-pid', '--unshare-ipc', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc']

/** A folder within another one of them is hidden with it. */
const outermost = (paths: string[]): string[] =>
  paths.filter((path) => !paths.some((other) => path !== other && `${path}${sep}`.startsWith(`${other}${sep}`)))

let tried: Promise<string | null> | undefined

/** Why no sandbox can be made here; null: it can. Tried once. */
export function sandboxFault(): Promise<string | null> {
  tried ??= new Promise((resolve) => {
    const child = spawn('bwrap', [...BASE, '--tmpfs', '/tmp', '--', 'true'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (text: Buffer) => {
      said = (said + text.toString()).slice(0, 500)
    })
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ENOENT' ? 'bubblewrap (bwrap) is not installed' : error.message),
    )
    child.once('close', (code) => resolve(code === 0 ? null : said.trim() || `bwrap ended with ${code}`))
  })
  return tried
}

/** Whether engines of this worker run in a sandbox. @throws ConfigError when they must and cannot */
export async function usesSandbox(config: Pick<Config, 'sandbox'>): Promise<boolean> {
  if (config.sandbox === 'off') return false
  const fault = await sandboxFault()
  if (fault === null) return true
  if (config.sandbox === 'auto') return false
  throw new ConfigError(`TOFUTF_SANDBOX is required, and no sandbox can be made: ${fault}.`)
}

/** Said once, at the start of a worker. @throws ConfigError */
export async function announceSandbox(config: Pick<Config, 'sandbox'>, log: Logger): Promise<void> {
  if (await usesSandbox(config)) return log.info('engines run in a sandbox')
  const why = config.sandbox === 'off' ? 'TOFUTF_SANDBOX is off' : await sandboxFault()
  log.warn(
    `ENGINES RUN WITHOUT A SANDBOX (${why}): a configuration can read what this worker's user can read, other runs and secrets among it. Trust whoever may start a run, or install bubblewrap and set TOFUTF_SANDBOX=required.`,
  )
}
