import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { Client } from 'pg'
import { postgresBinaries, type RunAs } from './postgres-binaries.ts'

export interface Postgres {
  /** Connection string of the database `tofutf`, with its password: never log it. */
  url: string
  stop(): Promise<void>
  /** For an exit handler: ends Postgres at once; it recovers at its next start. */
  stopNow(): void
}

export interface PostgresOptions {
  /** Everything is kept in `<dataDir>/postgres`. One process may own a folder at a time. */
  dataDir: string
  /** false: no fsync, for tests. */
  durable?: boolean
}

// a dead postmaster can stay a zombie for a while when process 1 of a container reaps late
const patienceMs = 30_000

/** Starts the Postgres of a data folder, or joins the one that an earlier owner left running. */
export async function startPostgres({ dataDir, durable = true }: PostgresOptions): Promise<Postgres> {
  const home = join(dataDir, 'postgres')
  const cluster = join(home, 'cluster')
  await mkdir(home, { recursive: true, mode: 0o711 })
  const runAs = await unprivilegedUser()
  const bin = await postgresBinaries(home, runAs)
  // pg_ctl starts in a folder that its user can enter, and sees nothing of our environment
  const pg = (program: string, args: string[]) =>
    execa(join(bin, program), args, {
      cwd: '/',
      extendEnv: false,
      env: childEnv(),
      stdin: 'ignore',
      reject: false,
      ...runAs,
    })
  const password = await initialise(pg, home, cluster, runAs)
  const urlOf = (port: number) => `postgres://tofutf:${password}@127.0.0.1:${port}/tofutf`

  const port = await start(pg, home, cluster, durable, urlOf)
  return {
    url: urlOf(port),
    async stop() {
      const fast = await pg('pg_ctl', ['stop', '-D', cluster, '-m', 'fast', '-w', '-t', '30'])
      if (fast.exitCode !== 0) await pg('pg_ctl', ['stop', '-D', cluster, '-m', 'immediate', '-w', '-t', '10'])
    },
    stopNow() {
      execFileSync(join(bin, 'pg_ctl'), ['stop', '-D', cluster, '-m', 'immediate', '-w', '-t', '5'], {
        cwd: '/',
        env: childEnv(),
        stdio: 'ignore',
        ...runAs,
      })
    },
  }
}

type Run = (program: string, args: string[]) => Promise<{ exitCode?: number; stdout: string; stderr: string }>

const childEnv = () => ({ PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' })

/** Postgres refuses to run as root. */
async function unprivilegedUser(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'tofutf-postgres']) {
    const found = await userIds(name)
    if (found) return found
  }
  const made = await execa(
    'useradd',
    ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', 'tofutf-postgres'],
    {
      reject: false,
    },
  )
  const ids = await userIds('tofutf-postgres')
  if (ids) return ids
  throw new Error(
    `The embedded Postgres cannot run as root, and a user for it could not be made (${made.stderr || 'no useradd'}). Start as another user, or set DATABASE_URL.`,
  )
}

async function userIds(name: string): Promise<RunAs | undefined> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => execa('id', [flag, name], { reject: false })))
  return uid?.exitCode === 0 && gid?.exitCode === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined
}

/** Makes the cluster when there is none yet; returns the password of its user. */
async function initialise(pg: Run, home: string, cluster: string, runAs: RunAs | undefined): Promise<string> {
  const passwordFile = join(home, 'password')
  if (runAs) await chown(home, runAs.uid, runAs.gid)
  await refuseUnreachable(pg, home)
  if (await exists(join(cluster, 'PG_VERSION'))) {
    await refuseOtherMajor(pg, cluster)
    return (await readFile(passwordFile, 'utf8')).trim()
  }
  // made under another name: an interrupted initdb leaves a folder that looks whole
  const half = `${cluster}.new`
  await rm(half, { recursive: true, force: true })
  const password = randomBytes(24).toString('base64url')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (runAs) await chown(passwordFile, runAs.uid, runAs.gid)
  const made = await pg('initdb', [
    `--pgdata=${half}`,
    `--pwfile=${passwordFile}`,
    '--username=tofutf',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
  ])
  if (made.exitCode !== 0) throw new Error(`The database folder could not be made: ${lastLine(made.stderr)}`)
  await rename(half, cluster)
  if (runAs) {
    // initdb read it as the other user; from here on only we do
    await chown(passwordFile, process.getuid?.() ?? 0, process.getgid?.() ?? 0)
    await chmod(passwordFile, 0o600)
  }
  return password
}

async function refuseUnreachable(pg: Run, home: string): Promise<void> {
  const status = await pg('pg_ctl', ['status', '-D', home])
  // 3: looked inside and found no server; 4: not a data folder; a folder it cannot enter says "could not access"
  if (status.exitCode === 4 && /could not access|permission denied/i.test(status.stderr)) {
    throw new Error(
      `The user that runs the embedded Postgres cannot enter ${home}. Set TOFUTF_DATA_DIR to a folder outside of private ones, or set DATABASE_URL.`,
    )
  }
}

async function refuseOtherMajor(pg: Run, cluster: string): Promise<void> {
  const kept = (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim()
  const here = /(\d+)/.exec((await pg('postgres', ['--version'])).stdout)?.[1]
  if (kept !== here) {
    throw new Error(
      `${cluster} was made by PostgreSQL ${kept}, but PostgreSQL ${here} is installed. Install ${kept} again, or dump and restore.`,
    )
  }
}

async function start(
  pg: Run,
  home: string,
  cluster: string,
  durable: boolean,
  urlOf: (port: number) => string,
): Promise<number> {
  const deadline = Date.now() + patienceMs
  const log = join(cluster, 'server.log')
  for (;;) {
    const running = (await pg('pg_ctl', ['status', '-D', cluster])).exitCode === 0
    let trouble: string
    if (running) {
      const port = await portOfRunning(cluster)
      if (port && (await answers(urlOf(port)))) return port
      trouble = 'a Postgres of this folder is there but does not answer'
    } else {
      const port = await freePort(home)
      const started = await pg('pg_ctl', [
        'start',
        '-D',
        cluster,
        '-l',
        log,
        '-w',
        '-t',
        '60',
        '-o',
        flags(port, durable),
      ])
      if (started.exitCode === 0 && (await answers(urlOf(port)))) return port
      trouble = lastLine(await readFile(log, 'utf8').catch(() => started.stderr)) || lastLine(started.stderr)
    }
    if (Date.now() > deadline) throw new Error(`The embedded Postgres does not start: ${trouble} (log: ${log})`)
    await sleep(300)
  }
}

const flags = (port: number, durable: boolean): string =>
  [
    `-p ${port}`,
    '-c listen_addresses=127.0.0.1',
    '-c unix_socket_directories=',
    '-c max_connections=300',
    '-c shared_buffers=256MB',
    ...(durable ? [] : ['-c fsync=off', '-c synchronous_commit=off', '-c full_page_writes=off']),
  ].join(' ')

/** Line 4 of postmaster.pid is the port. */
async function portOfRunning(cluster: string): Promise<number | undefined> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')
  return Number(text.split('\n')[3]) || undefined
}

/** The port of last time when it is free, so that connection strings in people's notes stay right; else a new one. */
async function freePort(home: string): Promise<number> {
  const file = join(home, 'port')
  const kept = Number(await readFile(file, 'utf8').catch(() => '0'))
  const port = (kept && (await listenOnce(kept))) || (await listenOnce(0))
  if (!port) throw new Error('There is no free port on 127.0.0.1 for the embedded Postgres.')
  if (port !== kept) await writeFile(file, String(port))
  return port
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const { port: taken } = server.address() as { port: number }
      server.close(() => resolve(taken))
    })
  })
}

/** Also makes the database `tofutf`, which initdb does not. */
async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url.replace(/tofutf$/, 'postgres'), connectionTimeoutMillis: 5000 })
  // a server that goes away while we look is the same as one that does not answer
  client.on('error', () => {})
  try {
    await client.connect()
    const { rowCount } = await client.query("select 1 from pg_database where datname = 'tofutf'")
    if (rowCount === 0) await client.query('create database tofutf')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? ''

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
