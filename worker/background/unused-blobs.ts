import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../../shared/app.ts'

const BATCH = 200
const MOST_BATCHES = 50

const ReferenceRow = z.object({ table: z.string(), column: z.string() })

/**
 * Every column that refers to a blob, as the database knows it by its foreign keys: a list kept by hand would, when a
 * new column is forgotten, throw away what that column holds.
 */
export const selectBlobReferences = (tx: Tx) =>
  tx.any(sql.type(ReferenceRow)`
    select c.conrelid::regclass::text as table, a.attname as column
    from pg_constraint c
    join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'f' and c.confrelid = 'blobs'::regclass and c.conrelid <> 'blob_chunks'::regclass
    order by 1, 2`)

const CountRow = z.object({ deleted: z.number() })

/**
 * Removes blobs of more than a day that no row refers to: uploads that broke off, and what deletes left.
 * @returns how many; a bounded number at a time, the next sweep goes on
 */
export async function removeUnusedBlobs(app: App): Promise<number> {
  const unused = (await selectBlobReferences(app.db)).map(
    ({ table, column }) => sql.fragment`
        and not exists (select 1 from ${sql.identifier([table])} r where r.${sql.identifier([column])} = b.id)`,
  )
  let total = 0
  for (let batch = 0; batch < MOST_BATCHES; batch++) {
    const { deleted } = await app.db.one(sql.type(CountRow)`
      with gone as (
        delete from blobs
        where id in (
          select b.id
          from blobs b
          where b.created_at < now() - interval '1 day' ${sql.join(unused, sql.fragment` `)}
          limit ${BATCH})
        returning 1)
      select count(*)::int as deleted
      from gone`)
    total += deleted
    if (deleted < BATCH) break
  }
  return total
}
