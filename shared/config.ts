import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

/**
 * Every setting, once: its schema with the default, and a sentence for `.env.example` and the docs.
 * This file is the only reader of the process environment for settings.
 */
const bool = z.enum(['true', 'false', '1', '0']).transform((v) => v === 'true' || v === '1')
const list = z.string().transform((v) =>
  v
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean),
) // prettier-ignore
const int = z.coerce.number().int()

export const settings = {
  DATABASE_URL: [z.string().optional(), 'PostgreSQL 15 or newer. Unset: `npm start` runs its own.'],
  PORT: [int.min(0).max(65535).default(8443), 'Port of the web process.'],
  TOFUTF_HOST: [z.string().default('127.0.0.1'), 'Address the web process listens on. Use 0.0.0.0 behind a router.'],
  TOFUTF_URL: [z.url().optional(), 'Public address, for example https://tofu.example.com. Default: this machine.'],
  TOFUTF_TLS: [
    z.enum(['off', 'self', 'files']).default('off'),
    'off: plain http, the platform ends TLS. self: a generated local authority (default of npm start). files: own certificate.',
  ],
  TOFUTF_TLS_CERT: [z.string().optional(), 'Certificate file (PEM, with chain) when TOFUTF_TLS=files.'],
  TOFUTF_TLS_KEY: [z.string().optional(), 'Private key file (PEM) when TOFUTF_TLS=files.'],
  TOFUTF_SECRET: [
    z.string().min(16).optional(),
    'Root of keys and signatures, at least 16 characters. `npm start` generates one into the data folder; required otherwise.',
  ],
  TOFUTF_SECRET_PREVIOUS: [
    list.default([]),
    'Former values of TOFUTF_SECRET, comma separated, until the keys are rotated.',
  ],
  TOFUTF_SITE_TOKEN: [z.string().min(16).optional(), 'An API token with site-admin rights, for automation and tests.'],
  TOFUTF_DATA_DIR: [
    z.string().optional(),
    'Folder of the embedded Postgres, certificates, engines and caches. Default: ~/.local/share/tofutf; /var/lib/tofutf for root.',
  ],
  TOFUTF_RUNNER_CONCURRENCY: [
    int.min(1).max(256).default(2),
    'Phases that one runner process executes at the same time.',
  ],
  TOFUTF_RUNNER_NAME: [
    z.string().optional(),
    'Name of a runner in lists and reasons. Default: host name and process id.',
  ],
  TOFUTF_ENGINE_DIR: [
    z.string().optional(),
    'Folder of engines: <dir>/<terraform|tofu>/<version>/<binary>. Default: <data folder>/engines.',
  ],
  TOFUTF_ENGINE_DOWNLOAD: [
    bool.default(true),
    'Download engine versions that are neither on PATH nor in the engine folder.',
  ],
  TOFUTF_TERRAFORM_RELEASES: [
    z.url().default('https://checkpoint-api.hashicorp.com/v1/check/terraform'),
    'Where the newest release of terraform is asked for, daily.',
  ],
  TOFUTF_TOFU_RELEASES: [
    z.url().default('https://get.opentofu.org/tofu/api.json'),
    'Where the newest release of OpenTofu is asked for, daily.',
  ],
  TOFUTF_WORK_DIR: [z.string().optional(), 'Folder where phases run. Default: <data folder>/work.'],
  TOFUTF_PLUGIN_CACHE_DIR: [
    z.string().optional(),
    'Provider cache shared by the phases of one runner. Default: <data folder>/plugin-cache.',
  ],
  TOFUTF_LOCAL_SIGN_IN: [
    z.enum(['on', 'off']).default('on'),
    'off: nobody signs in with a password, only through a provider (docs/sign-in.md). On again when the provider is away.',
  ],
  TOFUTF_SANDBOX: [
    z.enum(['auto', 'required', 'off']).default('auto'),
    'Engines run in bubblewrap: auto: where it can be used, with a warning where not; required: a worker without it does not start; off: never.',
  ],
  TOFUTF_PROVIDER_MIRROR: [
    z.string().optional(),
    'Folder of a provider filesystem mirror that runs install from before the registry.',
  ],
  TOFUTF_CANCEL_GRACE: [
    int.min(1).default(30),
    'Seconds between the interrupt of an engine and its kill when a worker stops or loses its phase.',
  ],
  TOFUTF_DRAIN_GRACE: [
    int.min(0).default(3600),
    'Seconds that a runner waits for running phases after SIGTERM before it interrupts their engines.',
  ],
  TOFUTF_AGENT_TOKEN: [
    z.string().min(8).optional(),
    'Token of an agent pool, for `npm run agent`: with TOFUTF_URL all that a remote agent needs.',
  ],
  TOFUTF_AGENT_LABELS: [
    list.default([]),
    'Labels of a remote agent, shown in lists, comma separated: zone=eu,disk=ssd.',
  ],
  SSL_CERT_FILE: [
    z.string().optional(),
    'File of certificate authorities (PEM) that a remote agent and the engines trust.',
  ],
  TOFUTF_FORCE_CANCEL_COOLOFF: [int.min(0).default(10), 'Seconds after a cancel until force-cancel is offered.'],
  TOFUTF_RUN_RETENTION_DAYS: [
    int.min(1).optional(),
    'Days after their end that runs are deleted, with logs and plans; states stay. Unset: never.',
  ],
  TOFUTF_MAX_CONFIGURATION_MB: [int.min(1).default(512), 'Largest configuration archive, in MiB.'],
  TOFUTF_MAX_UNPACKED_MB: [int.min(1).default(4096), 'Largest unpacked configuration, in MiB.'],
  TOFUTF_MAX_STATE_MB: [int.min(1).default(1024), 'Largest state file, in MiB.'],
  TOFUTF_OUTBOUND_ALLOW: [
    list.default([]),
    'Hosts and CIDRs that outgoing requests may reach although private, comma separated.',
  ],
  TOFUTF_SMTP_URL: [
    z.url({ protocol: /^smtps?$/, error: 'must be an smtp:// or smtps:// address' }).optional(),
    'Mail server for notifications, for example smtp://user:password@mail.example.com:587.',
  ],
  TOFUTF_SMTP_FROM: [z.string().default('tofutf@localhost'), 'Sender of the mail that this server writes.'],
  TOFUTF_RUN_TASK_TIMEOUT: [
    int.min(1).default(600),
    'Seconds that a run task has for its result, again from each sign of progress and six times at most.',
  ],
  TOFUTF_RATE_LIMIT: [
    int.min(0).default(30),
    'Requests per second and user, in each web process; 0 switches the limit off.',
  ],
  TOFUTF_DB_POOL: [int.min(2).max(200).default(8), 'Database connections per process for queries.'],
  TOFUTF_AUDIT_LOG: [
    z.enum(['table', 'stdout']).default('table'),
    'stdout: each entry of the audit log is also written as one line of JSON to standard output.',
  ],
  TOFUTF_LOG_LEVEL: [z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'), 'Log level.'],
} as const

type Settings = { [K in keyof typeof settings]: z.output<(typeof settings)[K][0]> }

export interface Config {
  databaseUrl: string | undefined
  port: number
  host: string
  /** Public address without a trailing slash. */
  url: string
  urlIsSet: boolean
  tls: { mode: 'off' | 'self' | 'files'; certFile: string | undefined; keyFile: string | undefined }
  secret: string | undefined
  previousSecrets: string[]
  siteToken: string | undefined
  dataDir: string
  workDir: string
  engineDir: string
  engineDownload: boolean
  engineReleases: { terraform: string; tofu: string }
  pluginCacheDir: string
  providerMirror: string | undefined
  localSignIn: boolean
  sandbox: 'auto' | 'required' | 'off'
  runner: { concurrency: number; name: string | undefined; cancelGraceMs: number; drainGraceMs: number }
  agent: { token: string | undefined; labels: Record<string, string> }
  /** Authorities that an agent trusts besides those of the system. */
  certificateFile: string | undefined
  forceCancelCooloffMs: number
  runRetentionDays: number | undefined
  maxConfigurationBytes: number
  maxUnpackedBytes: number
  maxStateBytes: number
  outboundAllow: string[]
  smtpUrl: string | undefined
  smtpFrom: string
  runTaskTimeoutMs: number
  rateLimit: number
  dbPool: number
  auditLog: 'table' | 'stdout'
  logLevel: string
}

/** A setting with a value that cannot be used; `message` names the setting and what it takes. */
export class ConfigError extends Error {}

/** @throws ConfigError with one line per wrong setting */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const schema = z.object(Object.fromEntries(Object.entries(settings).map(([k, [s]]) => [k, s])))
  const present = Object.fromEntries(Object.keys(settings).map((k) => [k, env[k] === '' ? undefined : env[k]]))
  const parsed = schema.safeParse(present)
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('\n'))
  }
  const s = parsed.data as Settings
  const dataDir = s.TOFUTF_DATA_DIR ?? defaultDataDir()
  const scheme = s.TOFUTF_TLS === 'off' ? 'http' : 'https'
  const mib = 1024 * 1024
  return {
    databaseUrl: s.DATABASE_URL,
    port: s.PORT,
    host: s.TOFUTF_HOST,
    url: (s.TOFUTF_URL ?? `${scheme}://localhost:${s.PORT}`).replace(/\/+$/, ''),
    urlIsSet: s.TOFUTF_URL !== undefined,
    tls: { mode: s.TOFUTF_TLS, certFile: s.TOFUTF_TLS_CERT, keyFile: s.TOFUTF_TLS_KEY },
    secret: s.TOFUTF_SECRET,
    previousSecrets: s.TOFUTF_SECRET_PREVIOUS,
    siteToken: s.TOFUTF_SITE_TOKEN,
    dataDir,
    workDir: s.TOFUTF_WORK_DIR ?? join(dataDir, 'work'),
    engineDir: s.TOFUTF_ENGINE_DIR ?? join(dataDir, 'engines'),
    engineDownload: s.TOFUTF_ENGINE_DOWNLOAD,
    engineReleases: { terraform: s.TOFUTF_TERRAFORM_RELEASES, tofu: s.TOFUTF_TOFU_RELEASES },
    pluginCacheDir: s.TOFUTF_PLUGIN_CACHE_DIR ?? join(dataDir, 'plugin-cache'),
    providerMirror: s.TOFUTF_PROVIDER_MIRROR,
    localSignIn: s.TOFUTF_LOCAL_SIGN_IN === 'on',
    sandbox: s.TOFUTF_SANDBOX,
    runner: {
      concurrency: s.TOFUTF_RUNNER_CONCURRENCY,
      name: s.TOFUTF_RUNNER_NAME,
      cancelGraceMs: s.TOFUTF_CANCEL_GRACE * 1000,
      drainGraceMs: s.TOFUTF_DRAIN_GRACE * 1000,
    },
    agent: {
      token: s.TOFUTF_AGENT_TOKEN,
      labels: Object.fromEntries(s.TOFUTF_AGENT_LABELS.map((label) => [label, ''].join('=').split('=', 2))),
    },
    certificateFile: s.SSL_CERT_FILE,
    forceCancelCooloffMs: s.TOFUTF_FORCE_CANCEL_COOLOFF * 1000,
    runRetentionDays: s.TOFUTF_RUN_RETENTION_DAYS,
    maxConfigurationBytes: s.TOFUTF_MAX_CONFIGURATION_MB * mib,
    maxUnpackedBytes: s.TOFUTF_MAX_UNPACKED_MB * mib,
    maxStateBytes: s.TOFUTF_MAX_STATE_MB * mib,
    outboundAllow: s.TOFUTF_OUTBOUND_ALLOW,
    smtpUrl: s.TOFUTF_SMTP_URL,
    smtpFrom: s.TOFUTF_SMTP_FROM,
    runTaskTimeoutMs: s.TOFUTF_RUN_TASK_TIMEOUT * 1000,
    rateLimit: s.TOFUTF_RATE_LIMIT,
    dbPool: s.TOFUTF_DB_POOL,
    auditLog: s.TOFUTF_AUDIT_LOG,
    logLevel: s.TOFUTF_LOG_LEVEL,
  }
}

/** Root's home is closed to the unprivileged user that the embedded Postgres then runs as. */
const defaultDataDir = (): string =>
  process.getuid?.() === 0 ? '/var/lib/tofutf' : join(homedir(), '.local', 'share', 'tofutf')
