import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../../shared/app.ts'
import { Problem } from '../../shared/errors.ts'
import { createRun } from '../../shared/runs/create.ts'
import { selectWorkspace } from '../../shared/workspaces/queries.ts'

const BATCH = 50
const DueRow = z.object({ id: z.string() })

/**
 * Queues a destroy run, applied without asking, for each workspace whose time has come: the moment that was set, or
 * the end of a time without activity. A workspace that is locked or held waits; one that manages nothing has nothing
 * to destroy. Source: HCP docs on ephemeral workspaces.
 */
export async function destroyIdle(app: App): Promise<void> {
  await app.db.query(sql.void`
    update workspaces
    set auto_destroy_at = null
    where auto_destroy_at <= now() and resource_count = 0 and holder_run_id is null`)
  const due = await app.db.any(sql.type(DueRow)`
    select w.id
    from workspaces w
    join projects p on p.id = w.project_id
    join organizations o on o.id = w.organization_id and o.deleted_at is null
    where w.resource_count > 0 and w.allow_destroy_plan and w.execution_mode <> 'local'
      and w.holder_run_id is null and w.locked_by_user_id is null and w.locked_by_team_id is null
      and (w.auto_destroy_at <= now()
        or w.latest_change_at <= now() - ${duration})
    order by w.auto_destroy_at, w.id
    limit ${BATCH}`)
  for (const { id } of due) await destroy(app, id)
}

/** '14d' and '12h' as an interval; null where neither workspace nor project has one. */
const duration = sql.fragment`
  replace(replace(
    case when w.inherits_auto_destroy then p.settings ->> 'auto-destroy-activity-duration'
      else w.auto_destroy_duration end,
    'd', ' days'), 'h', ' hours')::interval`

/** Tried once: what does not work today is not tried again every minute, but after the next time without activity. */
const settle = (tx: Tx, workspaceId: string) =>
  tx.query(sql.void`
    update workspaces
    set auto_destroy_at = null, latest_change_at = now()
    where id = ${workspaceId}`)

async function destroy(app: App, workspaceId: string): Promise<void> {
  try {
    await app.db.transaction(async (tx) => {
      await settle(tx, workspaceId)
      await createRun(app, tx, {
        workspace: await selectWorkspace(tx, workspaceId),
        isDestroy: true,
        autoApply: true,
        source: 'tfe-api',
        triggerReason: 'auto_destroy',
        message: 'Auto-destroy: the time of this workspace has come',
        structuredOutput: true,
        createdBy: null,
      })
    })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    await settle(app.db, workspaceId)
    app.log.warn({ workspaceId, reason: error.detail }, 'auto-destroy: no run could be made')
  }
}
