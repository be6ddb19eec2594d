import { expect } from 'chai'
import { z } from 'zod'
import { openPool, type Pool } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { emptyDatabase } from '../support/postgres.ts'

describe('prepared statements', () => {
  let db: Pool
  let drop: () => Promise<void>

  beforeEach(async () => {
    const made = await emptyDatabase()
    drop = made.drop
    db = await openPool(made.url, { maxConnections: 1 })
    await db.query(sql.void`create table things (id int4 primary key, name text)`)
    await db.query(sql.void`insert into things values (1, 'one'), (2, null)`)
  })
  afterEach(async () => {
    await db.end()
    await drop()
  })

  const read = (id: number) =>
    db.maybeOne(sql.type(z.object({ name: z.unknown() }))`
      select name
      from things
      where id = ${id}`)
  const prepared = async () =>
    (
      await db.any(sql.type(z.object({ statement: z.string() }))`
        select statement
        from pg_prepared_statements
        where statement not like '%pg_prepared%'`)
    ).length

  it('a statement is prepared when it comes again and again, and reads each time what is asked for', async () => {
    const names = []
    for (const id of [1, 2, 1, 2, 3, 1]) names.push((await read(id))?.name)

    expect(names).to.deep.equal(['one', null, 'one', null, undefined, 'one'])
    expect(await prepared()).to.equal(1)
  })

  it('texts that come once are not prepared', async () => {
    for (let i = 0; i < 300; i++)
      await db.query(
        sql.void`select ${sql.join(
          [...Array(i + 1)].map(() => sql.fragment`1`),
          sql.fragment`, `,
        )}`,
      )

    expect(await prepared()).to.equal(0)
  })

  it('after a migration changed a column its statement fails once at most', async () => {
    for (let i = 0; i < 5; i++) await read(1)
    await db.query(sql.void`alter table things alter name type int4 using length(name)`)

    await read(1).catch(() => undefined)

    expect((await read(1))?.name).to.equal(3)
  })
})
