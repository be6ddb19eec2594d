import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { lockRun, transition } from './transition.ts'

const HolderRow = z.object({ is_held: z.boolean(), is_locked: z.boolean() })
const NextRow = z.object({ id: z.string() })

/**
 * Gives the workspace to its oldest pending run when nobody holds it: no run, no person. Called in the transaction of
 * whatever may have freed it (a run that ended, a lock that went) or joined it (a new run); a sweep repairs a missed call.
 * Plan-only and saved-plan runs take no turn: they start when they are made.
 * Behind a person's lock the oldest pending run becomes the workspace's current run without a turn: that is how a CLI
 * tells a manual lock from a busy workspace. Source: shared/api/run-lifecycle.md
 */
export async function promoteNext(app: App, tx: Tx, workspaceId: string): Promise<void> {
  const workspace = await tx.maybeOne(sql.type(HolderRow)`
    select w.holder_run_id is not null as is_held,
      w.locked_by_user_id is not null or w.locked_by_team_id is not null as is_locked
    from workspaces w
    where w.id = ${workspaceId}
    for no key update of w`)
  if (!workspace || workspace.is_held) return
  const next = await tx.maybeOne(sql.type(NextRow)`
    select id
    from runs
    where workspace_id = ${workspaceId} and status = 'pending' and not plan_only and not save_plan
    order by coalesce(queue_position, number)
    limit 1`)
  if (!next) return
  if (!workspace.is_locked) await transition(app, tx, await lockRun(tx, next.id), 'turn')
  else await tx.query(sql.void`update workspaces set current_run_id = ${next.id} where id = ${workspaceId}`)
}
