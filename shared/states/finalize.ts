import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { notify } from '../live.ts'
import type { Arrived } from './arrive.ts'
import { outputsOf } from './output-values.ts'
import { insertOutputs } from './outputs.ts'
import { insertResources, markProcessed } from './resources.ts'

const FinalizedRow = z.object({ workspace_id: z.string(), json_outputs: z.instanceof(Buffer).nullable() })

export const jsonOutputsContext = (id: string) => `state_versions.json_outputs:${id}`

/**
 * The version has its bytes: it becomes the workspace's current state, with its outputs, in the caller's transaction.
 * What it holds is counted here when it was read already, else by a background job. The workspace row must be locked.
 */
export async function finalize(app: App, tx: Tx, id: string, { blob, contents }: Arrived): Promise<void> {
  const version = await tx.one(sql.type(FinalizedRow)`
    update state_versions s
    set status = 'finalized', raw_blob_id = ${blob.id}, size_bytes = ${blob.sizeBytes}, finalized_at = clock_timestamp(),
      json_outputs = null
    from (select id, json_outputs from state_versions where id = ${id}) before
    where s.id = before.id
    returning s.workspace_id, before.json_outputs`)
  await tx.query(sql.void`
    update workspaces
    set current_state_version_id = ${id}, latest_change_at = now()
    where id = ${version.workspace_id}`)
  if (version.json_outputs) {
    const json = app.secrets.open(version.json_outputs, jsonOutputsContext(id)).toString('utf8')
    await insertOutputs(app, tx, id, outputsOf(json))
  } else if (contents) {
    await insertOutputs(app, tx, id, contents.summary.outputs)
  }
  if (contents) {
    await insertResources(tx, id, contents.resources)
    await markProcessed(tx, id, contents.summary)
  } else {
    await app.queue.send(tx, 'state-process', { stateVersionId: id })
  }
  await notify(tx, 'states', `${version.workspace_id} ${id}`)
}
