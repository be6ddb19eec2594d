import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { pino } from 'pino'
import { startPostgres } from '../../db/embedded.ts'
import { release } from '../../db/release.ts'

export interface Cluster {
  /** Connection string of a database from which others are made and dropped. */
  url: string
  /** Its data folder. */
  folder: string
  stop(): Promise<void>
  stopNow(): void
}

const template = 'tofutf_template'

/**
 * One Postgres in a temporary folder, with a template database that has every table and queue. Without fsync, unless
 * it is to be killed.
 */
export async function startCluster({ durable = false } = {}): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-test-postgres-'))
  await chmod(folder, 0o711) // the user that runs Postgres must get through
  const postgres = await startPostgres({ dataDir: folder, durable })
  try {
    await inDatabase(postgres.url, `create database ${template}`)
    await release(urlOf(postgres.url, template), pino({ level: 'warn' }), () => {})
  } catch (error) {
    await postgres.stop()
    throw error
  }
  return {
    url: postgres.url,
    folder,
    async stop() {
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
    stopNow() {
      postgres.stopNow()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

let own: Promise<Cluster> | undefined

/** The cluster of `npm test`, or, for a single mocha file, one of this process. */
async function clusterUrl(): Promise<string> {
  if (process.env.TEST_DATABASE_URL) return process.env.TEST_DATABASE_URL
  own ??= startCluster().then((cluster) => {
    process.once('exit', () => cluster.stopNow())
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
    return cluster
  })
  return (await own).url
}

export interface FreshDatabase {
  url: string
  drop(): Promise<void>
}

/** A database of its own with the newest schema and every queue, and nothing in it. */
export const freshDatabase = (): Promise<FreshDatabase> => makeDatabase(`template ${template}`)

/** A database with no table at all. */
export const emptyDatabase = (): Promise<FreshDatabase> => makeDatabase('')

async function makeDatabase(how: string): Promise<FreshDatabase> {
  const server = await clusterUrl()
  const name = `test_${randomBytes(6).toString('hex')}`
  await inDatabase(server, `create database ${name} ${how}`)
  return {
    url: urlOf(server, name),
    drop: () => inDatabase(server, `drop database if exists ${name} with (force)`),
  }
}

function urlOf(server: string, database: string): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

async function inDatabase(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
