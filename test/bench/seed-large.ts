/**
 * `npm run seed:large [-- <data folder>]`: puts a large organization into the database of a data folder that no server
 * runs on, or into that of DATABASE_URL (with the TOFUTF_SECRET of its server). A database with organizations that were
 * not made here is left alone unless `--yes` is given.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { startPostgres } from '../../db/embedded.ts'
import { release } from '../../db/release.ts'
import { sql } from '../../db/sql.ts'
import { keepToken } from '../../server/launch/cli-config.ts'
import { lockFolder } from '../../server/launch/lock.ts'
import { keptSecret, prepareDataDir } from '../../server/launch/preflight.ts'
import { openLog } from '../../shared/log.ts'
import { ensureFirstRun } from '../../shared/users/first-run.ts'
import { serve, type TestServer } from '../support/server.ts'
import { type Large, makeLarge } from './large.ts'

export interface Database {
  databaseUrl: string
  secret: string
  /** Unless the database is somebody else's. */
  dataDir?: string
}

export interface Folder extends Required<Database> {
  close(): Promise<void>
}

/** The database of a data folder, with the newest schema. */
export async function openFolder(dataDir: string, durable = true): Promise<Folder> {
  await prepareDataDir(dataDir)
  const lock = lockFolder(dataDir)
  const postgres = await startPostgres({ dataDir, durable })
  await release(postgres.url, openLog('warn', { role: 'release' }), () => {})
  return {
    databaseUrl: postgres.url,
    secret: await keptSecret(dataDir),
    dataDir,
    async close() {
      await postgres.stop()
      lock.release()
    },
  }
}

const notesOf = (dataDir: string): string => join(dataDir, 'large.json')

/** What a former `seed` made. */
export async function seededBefore(dataDir: string): Promise<Large | null> {
  const text = await readFile(notesOf(dataDir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return text === null ? null : (JSON.parse(text) as Large)
}

/** @throws Error with a sentence when the database is in use for something else */
export async function seed({ databaseUrl, secret, dataDir }: Database, isSure = false): Promise<Large> {
  const server = await serve({
    DATABASE_URL: databaseUrl,
    TOFUTF_SECRET: secret,
    ...(dataDir && { TOFUTF_DATA_DIR: dataDir }),
    ...(process.env.TOFUTF_SITE_TOKEN && { TOFUTF_SITE_TOKEN: process.env.TOFUTF_SITE_TOKEN }),
  })
  try {
    await refuseOthers(server, isSure)
    await makeFirstAccount(server, dataDir)
    const large = await makeLarge(server, console.log)
    if (dataDir) await writeFile(notesOf(dataDir), JSON.stringify(large), { mode: 0o600 })
    return large
  } finally {
    await server.stop()
  }
}

const NameRow = z.object({ name: z.string(), is_ours: z.boolean() })

async function refuseOthers({ app }: TestServer, isSure: boolean): Promise<void> {
  const organizations = await app.db.any(sql.type(NameRow)`
    select name, email like '%@crowd.example' as is_ours
    from organizations
    where deleted_at is null
    order by is_ours, name
    limit 100`)
  const [first] = organizations
  if (organizations.some((o) => o.is_ours)) throw new Error('The large organization is there already.')
  if (first && !isSure)
    throw new Error(`The database has organizations of its own (${first.name}). Add --yes if that is meant.`)
}

/** As the first start would: otherwise nobody could sign in. */
async function makeFirstAccount({ app }: TestServer, dataDir: string | undefined): Promise<void> {
  const login = await ensureFirstRun(app, { username: 'admin', email: 'admin@localhost.localdomain' })
  if (!login) return
  if (dataDir) await keepToken(dataDir, login.token)
  console.log(`sign in as ${login.username} with the password ${login.password}`)
}

// `npm run seed:large`
if (import.meta.main) {
  try {
    const [given] = process.argv.slice(2).filter((word) => !word.startsWith('--'))
    const isSure = process.argv.includes('--yes')
    const { DATABASE_URL: databaseUrl, TOFUTF_SECRET: secret } = process.env
    if (given) {
      const folder = await openFolder(resolve(given))
      await seed(folder, isSure).finally(folder.close)
    } else if (databaseUrl && secret) await seed({ databaseUrl, secret }, isSure)
    else throw new Error('Name a data folder (npm run seed:large -- <folder>), or set DATABASE_URL and TOFUTF_SECRET.')
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
