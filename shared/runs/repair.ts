import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { lockWorkspaceRow } from '../workspaces/queries.ts'
import { dispatchHeldBack, RUNNERS, selectOrganizationsHeldBack, sendAgain } from './dispatch.ts'
import { forEach } from './each.ts'
import { losePhase } from './hold.ts'
import { lockRun } from './transition.ts'
import { promoteNext } from './workspace-queue.ts'

/** Repairs of the queues, for what a dead process left undone or a hand destroyed. Each may be repeated at any time. */

const IdRow = z.object({ id: z.string() })

/** Workspaces with a pending run and no holder: a call of promoteNext was missed. @returns how many */
export async function promoteMissed(app: App): Promise<number> {
  const rows = await app.db.any(sql.type(IdRow)`
    select distinct w.id
    from runs r
    join workspaces w on w.id = r.workspace_id
    where r.status = 'pending' and not r.plan_only and not r.save_plan
      and w.holder_run_id is null and w.locked_by_user_id is null and w.locked_by_team_id is null
    limit 500`)
  return forEach(rows, async ({ id }) => {
    await app.db.transaction(async (tx) => {
      await lockWorkspaceRow(tx, id)
      await promoteNext(app, tx, id)
    })
    return 1
  })
}

/** Phases that a limit held back though there is room. @returns how many were sent */
export async function dispatchMissed(app: App): Promise<number> {
  const organizations = await selectOrganizationsHeldBack(app.db)
  return forEach(organizations, ({ id }) => app.db.transaction((tx) => dispatchHeldBack(app, tx, id, { wait: true })))
}

const VanishedRow = z.object({
  run_id: z.string(),
  kind: z.enum(['plan', 'apply']),
  status: z.enum(['queued', 'running']),
  job_id: z.string(),
})

/**
 * Phases that are queued or running although no job of theirs is alive: no lease would ever end them. They get a new
 * job; a running apply is lost, since it is never repeated. `olderThanSeconds` leaves alone what is just happening.
 * @returns how many
 */
export async function replaceVanishedJobs(app: App, olderThanSeconds = 30): Promise<number> {
  const vanished = await app.db.any(sql.type(VanishedRow)`
    select p.run_id, p.kind, p.status, p.job_id
    from phases p
    join runs r on r.id = p.run_id
    where p.status in ('queued', 'running') and p.job_id is not null
      and greatest(p.dispatched_at, r.updated_at) < now() - make_interval(secs => ${olderThanSeconds})
      and not exists (
        select 1
        from pgboss.job j
        where j.name = case when p.queue = ${RUNNERS} then ${RUNNERS} else 'runs.pool.' || p.queue end
          and j.id = p.job_id and j.state < 'completed')
      and not exists (
        select 1
        from pgboss.job d
        where d.name = 'runs-lost' and d.state < 'completed' and d.data ->> 'runId' = p.run_id
          and d.data ->> 'phase' = p.kind)
    limit 100`)
  return forEach(vanished, async ({ run_id, kind, status, job_id }) => {
    if (kind === 'apply' && status === 'running') await losePhase(app, run_id, kind)
    else
      await app.db.transaction(async (tx) => {
        const run = await lockRun(tx, run_id)
        const same = await tx.maybeOne(sql.type(IdRow)`
          select id
          from phases
          where run_id = ${run.id} and kind = ${kind} and job_id = ${job_id} and status in ('queued', 'running')`)
        if (same) await sendAgain(app, tx, run, kind)
      })
    return 1
  })
}
