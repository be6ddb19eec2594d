/**
 * `npm run bench:api`: requests per second and latency of the API at 8 connections, beside a bare Koa route with one
 * indexed statement. The server is a process of its own; the load is made here. Goals: a workspace by its name at least
 * half as often as the bare route, a list of 100 of 10,000 workspaces at least 300 times a second.
 * BENCH_SECONDS=5 says how long each is measured, BENCH_ONLY=list measures only what has the word in its name.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { freePort } from '../support/ports.ts'
import { startCluster } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { document } from '../support/server.ts'
import { type BenchWorld, fillBenchWorld, type OpenLog, openLogs, WORKSPACES } from './api-world.ts'
import { lean, startWeb, untilAnswers } from './web-process.ts'

const CONNECTIONS = 8
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const LOG_PIECE = Buffer.from(`${'x'.repeat(79)}\n`.repeat(25))

interface Request {
  method?: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string | Buffer
}

/** Makes the next request of one connection. */
type Connection = () => Request

interface Measure {
  perSecond: number
  p50: number
  p99: number
}

async function load(base: string, connect: () => Connection, seconds: number): Promise<Measure> {
  const latencies: number[] = []
  const startedAt = performance.now()
  const options = {
    url: base,
    connections: CONNECTIONS,
    duration: seconds,
    setupClient(client: autocannon.Client) {
      const next = connect()
      client.setRequests([{ setupRequest: (request) => ({ ...request, ...next() }) as autocannon.Request }])
      client.on('response', (_status, _bytes, ms) => latencies.push(ms))
    },
  }
  const result = await autocannon(options)
  const elapsed = (performance.now() - startedAt) / 1000
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} answers were not 2xx, ${result.errors} requests failed: ${base}`)
  latencies.sort((a, b) => a - b)
  const at = (p: number) => latencies[Math.floor(latencies.length * p)] ?? Number.NaN
  return { perSecond: latencies.length / elapsed, p50: at(0.5), p99: at(0.99) }
}

/** Warms up, then measures. */
async function measure(base: string, connect: () => Connection): Promise<Measure> {
  await load(base, connect, Math.min(2, SECONDS))
  return load(base, connect, SECONDS)
}

function scenarios(world: BenchWorld, logs: OpenLog[]): [string, () => Connection][] {
  const headers = { Authorization: `Bearer ${world.token}` }
  const get = (path: (n: number) => string) => () => {
    let n = Math.floor(Math.random() * WORKSPACES)
    return () => ({ path: path(n++ % WORKSPACES), headers })
  }
  const inOrganization = `/api/v2/organizations/${world.organization}`
  let created = 0
  return [
    ['GET a workspace by name', get((n) => `${inOrganization}/workspaces/bench-${n}`)],
    [
      'list 20 of 10,000 workspaces',
      get((n) => `${inOrganization}/workspaces?page[number]=${(n % 100) + 1}&page[size]=20`),
    ],
    [
      'list 100 of 10,000 workspaces',
      get((n) => `${inOrganization}/workspaces?page[number]=${(n % 100) + 1}&page[size]=100`),
    ],
    ['list 20 of 3,000 runs of a workspace', get(() => `/api/v2/workspaces/${world.busy}/runs`)],
    ['list 20 runs of the organization', get(() => `${inOrganization}/runs`)],
    [
      'create a run',
      () => () => {
        const workspace = {
          data: { type: 'workspaces', id: world.workspaceIds[created++ % world.workspaceIds.length] },
        }
        return {
          method: 'POST',
          path: '/api/v2/runs',
          headers: { ...headers, 'Content-Type': 'application/vnd.api+json' },
          body: JSON.stringify(document({ message: 'bench' }, { workspace })),
        }
      },
    ],
    [
      'append 2,000 bytes to a log',
      () => {
        const log = logs.pop()!
        let offset = 0
        return () => {
          const path = `${log.path}?offset=${offset}`
          offset += LOG_PIECE.length
          return { method: 'POST', path, headers: log.headers, body: LOG_PIECE }
        }
      },
    ],
  ]
}

const row = (label: string, m: Measure, bare: number) =>
  console.log(
    label.padEnd(40),
    m.perSecond.toFixed(0).padStart(10),
    `${m.p50.toFixed(1)} ms`.padStart(10),
    `${m.p99.toFixed(1)} ms`.padStart(10),
    `${((m.perSecond / bare) * 100).toFixed(0)} %`.padStart(10),
  )

async function bench(urls: { web: string; bare: string }, databaseUrl: string): Promise<void> {
  const world = await fillBenchWorld(urls.web, databaseUrl)
  // for the warming up and for the measuring
  const logs = await openLogs(urls.web, world, CONNECTIONS * 2)
  const only = scenarios(world, logs).filter(([name]) => name.includes(process.env.BENCH_ONLY ?? ''))
  const bareRoute = () => {
    let n = 0
    return () => ({ path: `/${world.workspaceIds[n++ % world.workspaceIds.length]}` })
  }
  const bares = [await measure(urls.bare, bareRoute)]
  const measured = new Map<string, Measure>()
  for (const [name, connect] of only) measured.set(name, await measure(urls.web, connect))
  // once more at the end: the machine may have become slower
  bares.push(await measure(urls.bare, bareRoute))
  const bare = bares.reduce((sum, m) => sum + m.perSecond, 0) / bares.length
  console.log(
    `${`${CONNECTIONS} connections, ${SECONDS} s each`.padEnd(40)}  requests/s        p50        p99    of bare`,
  )
  for (const m of bares) row('a bare Koa route, one statement', m, bare)
  for (const [name, m] of measured) row(name, m, bare)
  goal(
    'GET a workspace at least half as often as the bare route',
    measured.get('GET a workspace by name')?.perSecond,
    bare / 2,
  )
  goal('list 100 workspaces at least 300 times a second', measured.get('list 100 of 10,000 workspaces')?.perSecond, 300)
}

function goal(text: string, is: number | undefined, atLeast: number): void {
  if (is === undefined) return
  console.log(`goal: ${text}: ${is >= atLeast ? 'met' : 'NOT met'} (${is.toFixed(0)} of ${atLeast.toFixed(0)})`)
  if (is < atLeast) process.exitCode = 1
}

async function main(): Promise<void> {
  const cluster = await startCluster()
  process.env.TEST_DATABASE_URL = cluster.url
  const { freshDatabase } = await import('../support/postgres.ts')
  const database = await freshDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-bench-'))
  const profile = process.env.BENCH_PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`] : []
  const { url, web } = await startWeb(
    { DATABASE_URL: database.url, TOFUTF_SECRET: randomBytes(24).toString('hex'), TOFUTF_DATA_DIR: folder },
    profile,
  )
  const port = `${await freePort()}`
  const bare = startProcess('bare', ['test/bench/bare-web.ts'], { ...lean, DATABASE_URL: database.url, PORT: port })
  const urls = { web: url, bare: `http://127.0.0.1:${port}` }
  try {
    await untilAnswers(bare, urls.bare)
    await bench(urls, database.url)
  } finally {
    for (const process of [web, bare]) {
      if (process.log()) console.log(process.log())
      await process.stop()
    }
    await database.drop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
