import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { startServer, type TestServer } from '../support/server.ts'

describe('the indexes of the database', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server?.stop())

  it('API-12 every foreign key has an index that begins with its columns', async () => {
    const Key = z.object({ key: z.string() })
    const without = await server.app.db.anyFirst(sql.type(Key)`
      select c.conrelid::regclass || ': ' || pg_get_constraintdef(c.oid) as key
      from pg_constraint c
      join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
      where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
        select 1
        from pg_index i
        where i.indrelid = c.conrelid and i.indisvalid
          and (string_to_array(i.indkey::text, ' ')::int2[])[1:cardinality(c.conkey)] @> c.conkey
          and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)))
      order by 1`)

    expect(without).to.deep.equal([])
  })
})
