import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { nameTaken } from '../names.ts'

const ViewRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  name: z.string(),
  query: z.string(),
  created_by: z.string().nullable(),
})
export type ExplorerView = z.output<typeof ViewRow>

const columns = sql.fragment`v.id, v.organization_id, v.name, v.query, v.created_by`
/** More than anybody finds again. */
const MOST = 200

export const selectExplorerViews = (tx: Tx, organizationId: string) =>
  tx.any(sql.type(ViewRow)`
    select ${columns}
    from explorer_views v
    where v.organization_id = ${organizationId}
    order by lower(v.name), v.id
    limit ${MOST}`)

export const selectOptionalExplorerView = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ViewRow)`
    select ${columns}
    from explorer_views v
    where v.id = ${id}`)

/** @throws problem 'invalid_attribute' */
export async function insertExplorerView(
  tx: Tx,
  view: { organizationId: string; name: string; query: string; createdBy: string },
): Promise<void> {
  if (view.name === '' || view.name.length > 90) throw invalid('name', 'A name has 1 to 90 characters.')
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from explorer_views
    where organization_id = ${view.organizationId}`)
  if (count >= MOST) throw invalid('name', `There are ${MOST} saved views already. Delete one first.`)
  try {
    await tx.query(sql.void`
      insert into explorer_views (id, organization_id, name, query, created_by)
      values (${newId('sq')}, ${view.organizationId}, ${view.name}, ${view.query}, ${view.createdBy})`)
  } catch (error) {
    throw nameTaken(error)
  }
}

export const deleteExplorerView = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from explorer_views
    where id = ${id}`)
