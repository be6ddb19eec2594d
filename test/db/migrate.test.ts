import { readdir } from 'node:fs/promises'
import { expect } from 'chai'
import { Client } from 'pg'
import { migrate } from '../../db/migrate.ts'
import { emptyDatabase, type FreshDatabase, freshDatabase } from '../support/postgres.ts'

describe('migrations', () => {
  let database: FreshDatabase

  afterEach(() => database.drop())

  it('run once, in order, also when two callers start at the same moment', async function () {
    this.timeout(60_000)
    database = await emptyDatabase()
    const files = (await readdir('db/migrations')).filter((f) => f.endsWith('.sql')).sort()

    const applied = await Promise.all([migrate(database.url), migrate(database.url)])

    expect(applied.flat()).to.deep.equal(files)
    expect(await migrate(database.url)).to.deep.equal([])
  })

  it('are refused with a sentence when an applied file was changed', async () => {
    database = await freshDatabase()
    await query(database.url, "update schema_migrations set sha256 = 'x' where name like '0001%'")

    const refusal = await migrate(database.url).catch((error) => error)

    expect(refusal.message).to.match(/^Migration 0001_\w+\.sql was changed after it was applied/)
  })

  it('are refused with a sentence when the database belongs to a newer version', async () => {
    database = await freshDatabase()
    await query(database.url, "insert into schema_migrations (name, sha256) values ('9999_future.sql', 'x')")

    const refusal = await migrate(database.url).catch((error) => error)

    expect(refusal.message).to.contain('9999_future.sql').and.to.contain('newer TofuTF')
  })

  it('name the file and the line that fails, and leave nothing of it behind', async () => {
    database = await emptyDatabase()
    await query(database.url, 'create table organizations (id int)')

    const refusal = await migrate(database.url).catch((error) => error)

    expect(refusal.message).to.match(/^Migration 0001_\w+\.sql failed: relation "organizations" already exists/)
    expect(await query(database.url, 'select * from schema_migrations')).to.deep.equal([])
  })
})

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
