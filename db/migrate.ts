import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'

const folder = join(import.meta.dirname, 'migrations')
const fileName = /^\d{4}_[a-z0-9_-]+\.sql$/
// any number that nobody else locks in this database
const lockKey = 7_460_033_101

/** A migration that cannot be applied; `message` is a sentence for the operator. */
export class MigrationError extends Error {}

interface Migration {
  name: string
  sha256: string
  sql: string
}

/**
 * Brings the database to the newest schema and returns the names that it applied.
 * Files `db/migrations/0001_theme.sql` run in the order of their names, each once, in a transaction of its own.
 * A file with a line `-- no-transaction` runs statement by statement (each ends with `;` at the end of a line);
 * such a file must be safe to run again, because a failure in its middle leaves the first part applied.
 * Several callers at once wait for each other.
 *
 * @throws MigrationError when a file fails, was changed after it was applied, or is newer than this checkout
 */
export async function migrate(databaseUrl: string, log: (line: string) => void = () => {}): Promise<string[]> {
  const migrations = await readMigrations()
  const client = new Client({ connectionString: databaseUrl, application_name: 'tofutf migrate' })
  await client.connect()
  try {
    await refuseOldServer(client)
    await client.query('select pg_advisory_lock($1)', [lockKey])
    const applied = await readApplied(client)
    refuseSurprises(migrations, applied)
    const missing = migrations.filter((m) => !applied.has(m.name))
    for (const migration of missing) {
      await apply(client, migration)
      log(`applied migration ${migration.name}`)
    }
    return missing.map((m) => m.name)
  } finally {
    // ends the session and with it the advisory lock
    await client.end()
  }
}

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  const odd = names.find((name) => !fileName.test(name))
  if (odd) throw new MigrationError(`db/migrations/${odd} is not named like 0001_theme.sql.`)
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8')
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

async function refuseOldServer(client: Client): Promise<void> {
  const { rows } = await client.query<{ version: string }>("select current_setting('server_version') as version")
  const version = rows[0]?.version ?? ''
  if (Number.parseInt(version, 10) < 15) {
    throw new MigrationError(`The database is PostgreSQL ${version}; TofuTF needs 15 or newer.`)
  }
}

async function readApplied(client: Client): Promise<Map<string, string>> {
  await client.query(`
    create table if not exists schema_migrations (
      name text primary key,
      sha256 text not null,
      applied_at timestamptz not null default now()
    )
  `)
  const { rows } = await client.query<{ name: string; sha256: string }>('select name, sha256 from schema_migrations')
  return new Map(rows.map((row) => [row.name, row.sha256]))
}

function refuseSurprises(migrations: Migration[], applied: Map<string, string>): void {
  const known = new Map(migrations.map((m) => [m.name, m.sha256]))
  for (const [name, sha256] of [...applied].sort()) {
    if (!known.has(name)) {
      throw new MigrationError(
        `The database has migration ${name}, which this checkout does not know: it belongs to a newer TofuTF. Run that version.`,
      )
    }
    if (known.get(name) !== sha256) {
      throw new MigrationError(
        `Migration ${name} was changed after it was applied to this database. Restore the file and put the change into a new migration.`,
      )
    }
  }
}

async function apply(client: Client, migration: Migration): Promise<void> {
  const single = !/^-- no-transaction\s*$/m.test(migration.sql)
  const statements = single ? [migration.sql] : migration.sql.split(/;[ \t]*$/m).filter((s) => !isOnlyComment(s))
  let running = ''
  try {
    if (single) await client.query('begin')
    for (running of statements) await client.query(running)
    await client.query('insert into schema_migrations (name, sha256) values ($1, $2)', [
      migration.name,
      migration.sha256,
    ])
    if (single) await client.query('commit')
  } catch (error) {
    // the connection may be the very thing that failed; ending the session rolls back as well
    if (single) await client.query('rollback').catch(() => {})
    throw new MigrationError(
      `Migration ${migration.name} failed${lineOf(error, running)}: ${(error as Error).message}.`,
    )
  }
}

const isOnlyComment = (sql: string): boolean => sql.replace(/--.*$/gm, '').trim() === ''

function lineOf(error: unknown, sql: string): string {
  const position = Number((error as { position?: string }).position)
  return position > 0 ? ` at line ${sql.slice(0, position).split('\n').length}` : ''
}
