import { join } from 'node:path'
import { startPostgres } from '../../db/embedded.ts'
import { MigrationError } from '../../db/migrate.ts'
import { release } from '../../db/release.ts'
import { openApp } from '../../shared/app.ts'
import type { Config } from '../../shared/config.ts'
import { openLog } from '../../shared/log.ts'
import { ensureFirstRun } from '../../shared/users/first-run.ts'
import { type Child, type ChildSpec, keepRunning } from './children.ts'
import { type CliConfig, keepToken, keptToken, writeCliConfig } from './cli-config.ts'
import { databaseFailure, LaunchFailure } from './failure.ts'
import { lockFolder } from './lock.ts'
import { checkPort, checkTlsFiles, keptSecret, prepareDataDir } from './preflight.ts'
import { ask, waitUntilReady } from './ready.ts'
import { type LocalTls, localTls } from './tls.ts'

export interface LaunchOptions {
  /** The environment that the processes get, before our own settings are laid over it. */
  env: Record<string, string | undefined>
  output: 'inherit' | number
  say: (line: string) => void
  /** Aborted: stop starting and clean up. */
  signal?: AbortSignal
}

export interface Launched {
  url: string
  /** Where this machine reaches the web process, whatever the public address is. */
  localUrl: string
  /** Made by this start; null when the database had accounts already. */
  firstLogin: { username: string; password: string } | null
  /** whether passwords sign in (TOFUTF_LOCAL_SIGN_IN) */
  takesPasswords: boolean
  /** null: not known on this machine (any more). */
  token: string | null
  organization: string | null
  cli: CliConfig
  /** Resolves with a sentence when a process cannot be kept running. */
  gaveUp: Promise<string>
  stop(): Promise<void>
  /** Ends the processes without waiting for their work; `stop` still has to follow. */
  hurry(): void
}

const firstEmail = 'admin@localhost.localdomain'
const root = join(import.meta.dirname, '..', '..')

/**
 * Brings up everything of one data folder: lock, certificate, Postgres, schema, first user, web and worker.
 * @throws LaunchFailure, ConfigError, MigrationError or WrongSecret, after having stopped what was started
 */
export async function launch(asked: Config, options: LaunchOptions): Promise<Launched> {
  const { dataDir } = asked
  const { say, signal } = options
  await using undo = new AsyncDisposableStack()

  await prepareDataDir(dataDir)
  const lock = lockFolder(dataDir)
  undo.defer(() => lock.release())
  await checkTlsFiles(asked.tls)
  const port = await checkPort(asked.host, asked.port)
  const tls = asked.tls.mode === 'self' ? await localTls(dataDir, publicHosts(asked)) : null
  signal?.throwIfAborted()

  let databaseUrl = asked.databaseUrl
  if (!databaseUrl) {
    say('starting the embedded Postgres')
    const postgres = await startPostgres({ dataDir }).catch((error) => {
      throw new LaunchFailure(error.message)
    })
    undo.defer(() => postgres.stop())
    databaseUrl = postgres.url
  }
  signal?.throwIfAborted()

  const config: Config = {
    ...asked,
    port,
    databaseUrl,
    url: asked.urlIsSet ? asked.url : asked.url.replace(/:\d+$/, `:${port}`),
    secret: asked.secret ?? (await keptSecret(dataDir)),
  }
  await prepareDatabase(config, say, asked.databaseUrl)
  const login = await firstLogin(config)
  if (login) await keepToken(dataDir, login.token)
  signal?.throwIfAborted()

  const gaveUp = Promise.withResolvers<string>()
  const env = childEnv(config, tls, options.env)
  const common = { cwd: root, output: options.output, say, onGiveUp: gaveUp.resolve }
  const children: Child[] = []
  const keep = (spec: Pick<ChildSpec, 'name' | 'args' | 'graceMs' | 'env'>) => {
    const child = keepRunning({ ...common, ...spec })
    children.push(child)
    return child
  }
  undo.defer(async () => {
    await Promise.all(children.map((child) => child.stop()))
  })
  const web = keep({ name: 'web', args: ['server/main.ts'], env, graceMs: 10_000 })
  keep({
    name: 'worker',
    args: ['worker/main.ts', 'runner', 'jobs'],
    env: workerEnv(env, tls),
    // an engine gets its own grace first, then the worker writes down what happened
    graceMs: (Number(env.TOFUTF_DRAIN_GRACE ?? 0) + 10) * 1000 + config.runner.cancelGraceMs,
  })
  const localUrl = `${asked.tls.mode === 'files' ? 'https' : 'http'}://${loopbackOf(config.host)}:${port}`
  await waitUntilReady(localUrl, { ended: web.firstEnd, signal, timeoutMs: 60_000 })

  const { token, organization } = await lookAround(localUrl, await keptToken(dataDir), login !== null)
  const plainUrl = asked.tls.mode === 'files' || asked.urlIsSet ? null : `http://${new URL(config.url).host}`
  const cli = await writeCliConfig(dataDir, { url: config.url, plainUrl, token, tls })
  const running = undo.move()
  return {
    url: config.url,
    localUrl,
    firstLogin: login,
    takesPasswords: config.localSignIn,
    token,
    organization,
    cli,
    gaveUp: gaveUp.promise,
    stop: () => running.disposeAsync(),
    hurry: () => {
      for (const child of children) child.killNow()
    },
  }
}

const publicHosts = (config: Config): string[] =>
  config.urlIsSet ? [new URL(config.url).hostname.replace(/^\[|\]$/g, '')] : []

const loopbackOf = (host: string): string =>
  host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host

async function prepareDatabase(config: Config, say: (line: string) => void, external: string | undefined) {
  const url = config.databaseUrl ?? ''
  try {
    await release(url, openLog(config.logLevel, { role: 'launcher' }), say)
  } catch (error) {
    if (error instanceof MigrationError || !external) throw error
    throw databaseFailure(url, error)
  }
}

async function firstLogin(config: Config) {
  const app = await openApp(config, 'launcher', { listen: false, supervise: false })
  try {
    return await ensureFirstRun(app, { username: 'admin', email: firstEmail })
  } finally {
    await app.close()
  }
}

/** All settings of the processes, so that they do not depend on defaults that differ between us and them. */
function childEnv(config: Config, tls: LocalTls | null, env: LaunchOptions['env']): LaunchOptions['env'] {
  return {
    // chunks of uploads go back to the system: as the scripts of the Procfile
    MALLOC_ARENA_MAX: '2',
    MALLOC_MMAP_THRESHOLD_: '131072',
    ...env,
    DATABASE_URL: config.databaseUrl,
    PORT: String(config.port),
    TOFUTF_SECRET: config.secret,
    TOFUTF_DATA_DIR: config.dataDir,
    TOFUTF_LOG_LEVEL: config.logLevel,
    TOFUTF_TLS: config.tls.mode,
    TOFUTF_TLS_CERT: tls?.certFile ?? config.tls.certFile,
    TOFUTF_TLS_KEY: tls?.keyFile ?? config.tls.keyFile,
  }
}

/**
 * Engines talk to us as well (remote state, registry), so what they trust has to include our own authority.
 * Who stops the launcher waits for it: engines are interrupted at once, unless a grace for running phases was asked for.
 */
const workerEnv = (env: LaunchOptions['env'], tls: LocalTls | null): LaunchOptions['env'] => ({
  ...env,
  TOFUTF_DRAIN_GRACE: env.TOFUTF_DRAIN_GRACE ?? '0',
  ...(tls && { SSL_CERT_FILE: tls.bundleFile }),
})

/** Whether the kept token still holds, and an organization to begin with: made at the first start, else any. */
async function lookAround(localUrl: string, token: string | null, isFirstStart: boolean) {
  const none = { token: null, organization: null }
  if (!token) return none
  const listed = await ask(`${localUrl}/api/v2/organizations?page[size]=1`, { token })
  // 401: the database is another one than that of the first start, or the token was deleted
  if (listed.status !== 200) return none
  const [known] = (JSON.parse(listed.body) as { data: { attributes: { name: string } }[] }).data
  if (known || !isFirstStart) return { token, organization: known?.attributes.name ?? null }
  const attributes = { name: 'my-organization', email: firstEmail }
  const made = await ask(`${localUrl}/api/v2/organizations`, {
    method: 'POST',
    token,
    body: { data: { type: 'organizations', attributes } },
  })
  return { token, organization: made.status === 201 ? attributes.name : null }
}
