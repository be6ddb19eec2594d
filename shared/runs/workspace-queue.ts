import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { lockRun, transition } from './transition.ts'

const TurnRow = z.object({ is_locked: z.boolean(), next_run_id: z.string().nullable() })

/**
 * Gives the workspace to its oldest pending run when nobody holds it: no run, no person. Called in the transaction of
 * whatever may have freed it (a run that ended, a lock that went) or joined it (a new run); a sweep repairs a missed call.
 * Plan-only and saved-plan runs take no turn: they start when they are made.
 * Behind a person's lock the oldest pending run becomes the workspace's current run without a turn: that is how a CLI
 * tells a manual lock from a busy workspace.
 * The caller has locked the workspace's row, so that what is read here holds. Source: shared/api/run-lifecycle.md
 */
export async function promoteNext(app: App, tx: Tx, workspaceId: string): Promise<void> {
  const turn = await tx.maybeOne(sql.type(TurnRow)`
    select w.locked_by_user_id is not null or w.locked_by_team_id is not null as is_locked, (
      select r.id
      from runs r
      where r.workspace_id = w.id and r.status = 'pending' and not r.plan_only and not r.save_plan
      order by coalesce(r.queue_position, r.number)
      limit 1) as next_run_id
    from workspaces w
    where w.id = ${workspaceId} and w.holder_run_id is null`)
  if (!turn?.next_run_id) return
  if (!turn.is_locked) await transition(app, tx, await lockRun(tx, turn.next_run_id), 'turn')
  else await tx.query(sql.void`update workspaces set current_run_id = ${turn.next_run_id} where id = ${workspaceId}`)
}
