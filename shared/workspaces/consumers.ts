import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { WorkspaceRow, workspaceColumns, workspaceTables } from './queries.ts'

/** Workspaces that may read the state of this one, by name; those that the caller sees (`visible` on `w`). */
export async function selectConsumersPage(
  tx: Tx,
  workspaceId: string,
  visible: FragmentSqlToken,
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    w.organization_id = (select x.organization_id from workspaces x where x.id = ${workspaceId})
    and exists (
      select 1
      from workspaces s
      where s.id = ${workspaceId} and s.id <> w.id
        and case when s.project_remote_state then s.project_id = w.project_id
          else exists (select 1 from remote_state_consumers c where c.workspace_id = s.id and c.consumer_id = w.id) end)
    and ${visible}`
  const rows = await tx.any(sql.type(WorkspaceRow)`
    select ${workspaceColumns}
    from ${workspaceTables}
    where ${where}
    order by lower(w.name), w.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from ${workspaceTables}
    where ${where}`)
  return { rows, totalCount }
}

/** @throws problem 'invalid_attribute' when one of them is not a workspace of the same organization */
export async function addConsumers(tx: Tx, workspaceId: string, ids: readonly string[]): Promise<void> {
  const wanted = [...new Set(ids)]
  const found = await tx.any(sql.type(z.object({ id: z.string() }))`
    select x.id
    from workspaces x
    join workspaces w on w.organization_id = x.organization_id
    where w.id = ${workspaceId} and x.id = any(${sql.array(wanted, 'text')})`)
  const missing = wanted.find((id) => !found.some((row) => row.id === id))
  if (missing) throw invalid('remote-state-consumers', `Workspace ${missing} does not exist in this organization`)
  await tx.query(sql.void`
    insert into remote_state_consumers (workspace_id, consumer_id)
    select ${workspaceId}, id
    from unnest(${sql.array(wanted, 'text')}) as id
    on conflict do nothing`)
}

export const removeConsumers = (tx: Tx, workspaceId: string, ids: readonly string[]) =>
  tx.query(sql.void`
    delete from remote_state_consumers
    where workspace_id = ${workspaceId} and consumer_id = any(${sql.array([...ids], 'text')})`)

/** Makes these the only consumers. */
export async function replaceConsumers(tx: Tx, workspaceId: string, ids: readonly string[]): Promise<void> {
  await tx.query(sql.void`
    delete from remote_state_consumers
    where workspace_id = ${workspaceId} and not consumer_id = any(${sql.array([...ids], 'text')})`)
  await addConsumers(tx, workspaceId, ids)
}
