import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type BackendOptions, backendBlock, type CliServer, cliConfig, hostnameOf } from './cli-config.ts'
import { clients } from './clients.ts'
import { type Outcome, type TalkOptions, talk } from './terminal.ts'

export type EngineName = 'terraform' | 'tofu'

export interface RunOptions extends Omit<TalkOptions, 'cwd' | 'env'> {
  /** Added to the environment, e.g. `TF_VAR_x`. */
  env?: Record<string, string>
  /** Below the cli's folder. */
  cwd?: string
  /** The exit codes that are no surprise. Default: any. */
  expect?: number | readonly number[]
}

export interface Cli {
  engine: EngineName
  version: string
  /** The configuration's folder, made for this cli. */
  folder: string
  /** A home folder that holds nothing. */
  home: string
  /** Runs `terraform ARGS` in the folder; with `steps`, as a conversation. */
  run(args: string | readonly string[], options?: RunOptions): Promise<Outcome>
  /** As `run`, but any exit code other than 0 is an error that holds the output. */
  ok(args: string | readonly string[], options?: RunOptions): Promise<Outcome>
  /** Writes files below the folder. */
  write(files: Record<string, string>): Promise<void>
  /** Writes backend.tf (hostname: this cli's server) and main.tf. */
  configure(backend: BackendOptions, body: string): Promise<void>
  /** Removes its folders. */
  remove(): Promise<void>
}

/**
 * One of the engines with a private home, CLI configuration and folder, the server's token included.
 * Nothing of the environment reaches it but PATH, so no setting of the developer's machine can change a test.
 */
export async function makeCli(engine: EngineName, options: { server?: CliServer; token?: string } = {}): Promise<Cli> {
  const { [engine]: binary, versions, mirror } = await clients()
  const server = options.server && { ...options.server, ...(options.token ? { token: options.token } : {}) }
  const base = await mkdtemp(join(tmpdir(), `tofutf-${engine}-`))
  const [folder, home] = [join(base, 'work'), join(base, 'home')]
  await Promise.all([mkdir(folder), mkdir(home)])
  await writeFile(join(home, 'cli.tfrc'), cliConfig(mirror, server), { mode: 0o600 })
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    LANG: 'C.UTF-8',
    TERM: 'xterm',
    TF_CLI_CONFIG_FILE: join(home, 'cli.tfrc'),
    CHECKPOINT_DISABLE: '1',
    ...(server?.caFile ? { SSL_CERT_FILE: server.caFile } : {}),
  }

  async function run(args: string | readonly string[], { env: extra, cwd, expect, ...how }: RunOptions = {}) {
    const words = typeof args === 'string' ? args.split(' ').filter((word) => word !== '') : args
    const outcome = await talk(binary, words, { ...how, cwd: join(folder, cwd ?? ''), env: { ...env, ...extra } })
    const expected = expect === undefined ? undefined : [expect].flat()
    if (expected && !expected.includes(outcome.exitCode)) {
      throw new Error(`${engine} ${words.join(' ')}: exit code ${outcome.exitCode}\n${outcome.output.slice(-6000)}`)
    }
    return outcome
  }

  async function write(files: Record<string, string>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
  }

  return {
    engine,
    version: versions[engine],
    folder,
    home,
    run,
    ok: (args, how) => run(args, { ...how, expect: 0 }),
    write,
    configure: (backend, body) =>
      write({
        'backend.tf': backendBlock({ ...(server ? { hostname: hostnameOf(server) } : {}), ...backend }),
        'main.tf': body,
      }),
    remove: () => rm(base, { recursive: true, force: true }),
  }
}
