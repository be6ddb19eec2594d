import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'

/** As many sources as HCP allows one workspace. */
const MAX_SOURCES = 20

interface Ends {
  id: string
  organization_id: string
}

const CheckRow = z.object({ sources: z.number(), leads_back: z.boolean() })

/**
 * Makes applied runs of `source` start runs in `workspace`. Loops are refused: they would never end where runs are
 * applied by themselves.
 * @throws problem 'invalid_attribute'
 */
export async function createRunTrigger(tx: Tx, workspace: Ends, source: Ends): Promise<string> {
  if (workspace.organization_id !== source.organization_id) throw refused('is not in the organization of the workspace')
  if (workspace.id === source.id) throw refused('cannot be the workspace itself')
  // two triggers made at the same time could close a loop between them
  await tx.query(
    sql.void`select pg_advisory_xact_lock(hashtextextended(${`run-triggers ${workspace.organization_id}`}, 0))`,
  )
  const { sources, leads_back } = await tx.one(sql.type(CheckRow)`
    with recursive downstream as (
      select t.workspace_id as id
      from run_triggers t
      where t.source_workspace_id = ${workspace.id}
      union
      select t.workspace_id
      from downstream d
      join run_triggers t on t.source_workspace_id = d.id)
    select
      (select count(*)::int from run_triggers t where t.workspace_id = ${workspace.id}) as sources,
      exists (select 1 from downstream where id = ${source.id}) as leads_back`)
  if (leads_back)
    throw refused('would make a loop: runs of this workspace start runs there, directly or through others')
  if (sources >= MAX_SOURCES) throw refused(`is one too many: a workspace has at most ${MAX_SOURCES} sources`)
  const id = newId('rt')
  try {
    await tx.query(sql.void`
      insert into run_triggers (id, workspace_id, source_workspace_id)
      values (${id}, ${workspace.id}, ${source.id})`)
  } catch (error) {
    if (error instanceof UniqueIntegrityConstraintViolationError) throw refused('is a source of this workspace already')
    throw error
  }
  return id
}

const refused = (why: string) => invalid('sourceable', `Sourceable ${why}`)

export async function deleteRunTrigger(tx: Tx, id: string): Promise<void> {
  const { rowCount } = await tx.query(sql.void`delete from run_triggers where id = ${id}`)
  if (rowCount === 0) throw problem('not_found')
}
