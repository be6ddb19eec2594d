import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { lockRun, transition } from './transition.ts'

const FreeRow = z.object({ is_free: z.boolean() })
const NextRow = z.object({ id: z.string() })

/**
 * Gives the workspace to its oldest pending run when nobody holds it: no run, no person. Called in the transaction of
 * whatever may have freed it (a run that ended, a lock that went) or joined it (a new run); a sweep repairs a missed call.
 * Plan-only and saved-plan runs take no turn: they start when they are made.
 */
export async function promoteNext(app: App, tx: Tx, workspaceId: string): Promise<void> {
  const workspace = await tx.maybeOne(sql.type(FreeRow)`
    select w.holder_run_id is null and w.locked_by_user_id is null and w.locked_by_team_id is null as is_free
    from workspaces w
    where w.id = ${workspaceId}
    for no key update of w`)
  if (!workspace?.is_free) return
  const next = await tx.maybeOne(sql.type(NextRow)`
    select id
    from runs
    where workspace_id = ${workspaceId} and status = 'pending' and not plan_only and not save_plan
    order by coalesce(queue_position, number)
    limit 1`)
  if (next) await transition(app, tx, await lockRun(tx, next.id), 'turn')
}
