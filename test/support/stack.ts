import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { openPool, type Pool } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { localTls } from '../../server/launch/tls.ts'
import type { EngineName } from './cli.ts'
import type { CliServer } from './cli-config.ts'
import { clients } from './clients.ts'
import { freePort } from './ports.ts'
import { freshDatabase } from './postgres.ts'
import { killBelow, type Process, startProcess } from './processes.ts'
import { type Answer, type Api, apiClient, document } from './server.ts'

export interface StackOptions {
  webs?: number
  runners?: number
  /** Processes that only work the background queues; without them the first runner does that too. */
  jobs?: number
  /** Added to the environment of every process. */
  env?: Record<string, string>
  /** Added to that for one runner, the first is 0. */
  runnerEnv?: (index: number) => Record<string, string>
  /** The CLIs then speak https to it; plain http works on the same port. Default: true. */
  tls?: boolean
}

/** The product as it runs in earnest: web and worker processes on a database of their own, and both engines at hand. */
export interface Stack {
  /** Address of the first web process, http. */
  url: string
  urls: string[]
  siteToken: string
  /** How a CLI reaches it, with the site token. */
  server: CliServer
  /** As the site admin. */
  api: Api
  as(token: string | null): Api
  db: Pool
  databaseUrl: string
  webs: Process[]
  workers: Process[]
  jobs: Process[]
  /** Where phases run. */
  workDir: string
  makeOrganization(name?: string): Promise<string>
  makeWorkspace(organization: string, attributes?: WorkspaceAttributes): Promise<{ id: string; name: string }>
  /** The run's document once it has one of these statuses; an error when it takes too long or ends otherwise. */
  // biome-ignore lint/suspicious/noExplicitAny: a document
  waitForRun(id: string, ...statuses: string[]): Promise<any>
  /** Stops all web processes, then starts as many on the same ports. */
  restartWebs(): Promise<void>
  /** The last part of what every process printed. */
  logs(): string
  /** @throws Error when a process had to be killed or left an engine behind */
  stop(): Promise<void>
}

export type WorkspaceAttributes = Record<string, unknown> & { engine?: EngineName }

const READY_MS = 60_000
const RUN_MS = 60_000

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { webs: webCount = 1, runners: runnerCount = 1, jobs: jobsCount = 0, tls: wantsTls = true } = options
  const database = await freshDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-stack-'))
  const ports = await Promise.all(Array.from({ length: webCount }, freePort))
  const siteToken = `site.${randomBytes(24).toString('hex')}`
  const workDir = join(folder, 'work')
  const tls = wantsTls ? await localTls(folder) : undefined
  const shared = {
    PATH: process.env.PATH ?? '',
    DATABASE_URL: database.url,
    TOFUTF_SECRET: randomBytes(24).toString('hex'),
    TOFUTF_SITE_TOKEN: siteToken,
    TOFUTF_DATA_DIR: folder,
    TOFUTF_WORK_DIR: workDir,
    TOFUTF_ENGINE_DIR: await linkEngines(join(folder, 'engines')),
    TOFUTF_ENGINE_DOWNLOAD: 'false',
    TOFUTF_PROVIDER_MIRROR: (await clients()).mirror,
    TOFUTF_RATE_LIMIT: '0',
    // as the scripts of package.json
    MALLOC_ARENA_MAX: '2',
    MALLOC_MMAP_THRESHOLD_: '131072',
    ...(process.env.TOFUTF_SANDBOX && { TOFUTF_SANDBOX: process.env.TOFUTF_SANDBOX }),
    TOFUTF_RUNNER_CONCURRENCY: '4',
    TOFUTF_DRAIN_GRACE: '0',
    TOFUTF_CANCEL_GRACE: '5',
    TOFUTF_FORCE_CANCEL_COOLOFF: '1',
    TOFUTF_LOG_LEVEL: process.env.TOFUTF_LOG_LEVEL ?? 'warn',
    ...(tls && {
      TOFUTF_TLS: 'self',
      TOFUTF_TLS_CERT: tls.certFile,
      TOFUTF_TLS_KEY: tls.keyFile,
      SSL_CERT_FILE: tls.bundleFile,
    }),
    ...options.env,
  }
  const startWebs = () =>
    ports.map((port, i) => startProcess(`web ${i + 1}`, ['server/main.ts'], { ...shared, PORT: `${port}` }))
  const webs = startWebs()
  const workers = Array.from({ length: runnerCount }, (_, i) =>
    startProcess(`worker ${i + 1}`, ['worker/main.ts', 'runner', ...(i === 0 && jobsCount === 0 ? ['jobs'] : [])], {
      ...shared,
      PORT: `${ports[0]}`,
      TOFUTF_RUNNER_NAME: `runner-${i + 1}`,
      ...options.runnerEnv?.(i),
    }),
  )
  const jobs = Array.from({ length: jobsCount }, (_, i) =>
    startProcess(`jobs ${i + 1}`, ['worker/main.ts', 'jobs'], { ...shared, PORT: `${ports[0]}` }),
  )
  const logs = () => [...webs, ...workers, ...jobs].map((p) => `--- ${p.name}\n${p.log()}`).join('\n')
  const db = await openPool(database.url, { maxConnections: 2 })
  const urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const api = apiClient(urls[0]!, siteToken)

  async function stop(): Promise<void> {
    const stopped = await Promise.allSettled([...workers, ...jobs, ...webs].map((p) => p.stop()))
    const left = killBelow(workDir)
    await db.end()
    await database.drop()
    await rm(folder, { recursive: true, force: true })
    const failed = stopped.find((s) => s.status === 'rejected')
    if (failed) throw failed.reason
    if (left.length > 0) throw new Error(`${left.length} engine processes outlived their worker`)
  }

  async function waitForRun(id: string, ...statuses: string[]) {
    const until = Date.now() + RUN_MS
    for (;;) {
      const { data } = expectStatus(await api.get(`/runs/${id}`), 200).json
      const { status } = data.attributes
      if (statuses.includes(status)) return data
      const isOver = ['applied', 'errored', 'canceled', 'discarded', 'planned_and_finished'].includes(status)
      if (isOver || Date.now() > until) {
        const log = await logOf(api, data)
        throw new Error(`${id} is ${status}, not ${statuses.join(' or ')}. Its log:\n${log}\n${isOver ? '' : logs()}`)
      }
      await sleep(60)
    }
  }

  async function restartWebs(): Promise<void> {
    await Promise.all(webs.map((web) => web.stop()))
    webs.splice(0, webs.length, ...startWebs())
    await Promise.all(urls.map((url, i) => untilReady(url, webs[i]!)))
  }

  try {
    await Promise.all(urls.map((url, i) => untilReady(url, webs[i]!)))
    await untilRunners(db, workers)
  } catch (error) {
    const text = logs()
    await stop().catch(() => undefined)
    throw new Error(`${(error as Error).message}\n${text}`)
  }
  return {
    url: urls[0]!,
    urls,
    siteToken,
    server: tls
      ? { url: `https://localhost:${ports[0]}`, token: siteToken, caFile: tls.bundleFile }
      : { url: `http://localhost:${ports[0]}`, token: siteToken },
    api,
    as: (token) => apiClient(urls[0]!, token),
    db,
    databaseUrl: database.url,
    webs,
    workers,
    jobs,
    workDir,
    async makeOrganization(name = `org-${randomBytes(4).toString('hex')}`) {
      expectStatus(await api.post('/organizations', document({ name, email: `${name}@people.example` })), 201)
      return name
    },
    async makeWorkspace(organization, attributes = {}) {
      const name = `ws-${randomBytes(4).toString('hex')}`
      const path = `/organizations/${organization}/workspaces`
      const { data } = expectStatus(await api.post(path, document({ name, ...attributes })), 201).json
      return { id: data.id, name: data.attributes.name }
    },
    waitForRun,
    restartWebs,
    logs,
    stop,
  }
}

/** The answer, or an error that shows it. */
export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status !== status) throw new Error(`answered ${answer.status}, not ${status}: ${answer.text}`)
  return answer
}

/** The plan's log and the apply's, as far as they are. */
// biome-ignore lint/suspicious/noExplicitAny: a document
export async function logOf(api: Api, run: any): Promise<string> {
  const texts: string[] = []
  for (const [resource, name] of [
    ['plans', 'plan'],
    ['applies', 'apply'],
  ]) {
    const phase = await api.get(`/${resource}/${run.relationships[name!].data.id}`)
    const log = await fetch(phase.json.data.attributes['log-read-url'])
    texts.push(await log.text())
  }
  return texts.join('\n')
}

async function linkEngines(folder: string): Promise<string> {
  const found = await clients()
  for (const name of ['terraform', 'tofu'] as const) {
    const place = join(folder, name, found.versions[name])
    await mkdir(place, { recursive: true })
    await symlink(found[name], join(place, name))
  }
  return folder
}

async function untilReady(url: string, web: Process): Promise<void> {
  const until = Date.now() + READY_MS
  while (web.isRunning() && Date.now() < until) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return
    await sleep(50)
  }
  throw new Error(
    `${web.name} is not ready: ${web.isRunning() ? 'the time is up' : `it ended with ${await web.ended}`}`,
  )
}

/** Which versions a workspace may have depends on the runners that have told theirs. */
async function untilRunners(db: Pool, workers: Process[]): Promise<void> {
  const until = Date.now() + READY_MS
  while (Date.now() < until) {
    const dead = workers.find((worker) => !worker.isRunning())
    if (dead) throw new Error(`${dead.name} ended with ${await dead.ended}`)
    if ((await countRunners(db)) >= workers.length) return
    await sleep(50)
  }
  throw new Error('The workers did not announce themselves in time.')
}

const countRunners = async (db: Pool): Promise<number> =>
  (await db.one(sql.type(z.object({ count: z.number() }))`select count(*)::int as count from runners`)).count
