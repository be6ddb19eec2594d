import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { statusGroups } from './lifecycle.ts'
import { lockRun, transition } from './transition.ts'

/**
 * Discards what the workspace's newest run makes obsolete: older runs that wait their turn or a confirmation. A saved
 * plan stays: somebody keeps it on purpose, and a change of the state discards it anyway.
 */
export async function discardSuperseded(app: App, tx: Tx, newest: { id: string; workspaceId: string }): Promise<void> {
  const older = await tx.any(sql.type(z.object({ id: z.string() }))`
    select id
    from runs
    where workspace_id = ${newest.workspaceId} and id <> ${newest.id} and status = any(${sql.array([...statusGroups.discardable!], 'text')})
      and not plan_only and not save_plan
    -- the holder last: its end gives the turn to the next one
    order by status <> 'pending', number`)
  for (const { id } of older)
    await transition(app, tx, await lockRun(tx, id), 'discard', { reason: `Discarded: ${newest.id} is newer.` })
}
