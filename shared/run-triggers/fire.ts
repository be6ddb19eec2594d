import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { Problem } from '../errors.ts'
import { createRun } from '../runs/create.ts'
import { selectWorkspaces } from '../workspaces/queries.ts'

const SourceRow = z.object({ name: z.string() })
const IdRow = z.object({ id: z.string() })

/**
 * Starts a run in every workspace that the applied run's workspace is a source of, in the transaction that ends the
 * apply. A workspace that cannot run (no configuration yet, execution mode local) is left out: that is no fault of the
 * apply. Workspaces are locked along the triggers, which have no loops, so two of these cannot wait for each other.
 */
export async function startTriggeredRuns(
  app: App,
  tx: Tx,
  applied: { id: string; workspace_id: string },
): Promise<void> {
  const triggered = await tx.any(sql.type(IdRow)`
    select t.workspace_id as id
    from run_triggers t
    where t.source_workspace_id = ${applied.workspace_id}
    order by t.workspace_id`)
  if (triggered.length === 0) return
  const source = await tx.one(sql.type(SourceRow)`select name from workspaces where id = ${applied.workspace_id}`)
  const workspaces = await selectWorkspaces(
    tx,
    triggered.map(({ id }) => id),
  )
  for (const workspace of [...workspaces].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    try {
      // a savepoint: what is refused here must not undo the end of the apply
      await tx.transaction((inner) =>
        createRun(app, inner, {
          workspace,
          source: 'tfe-run-trigger',
          triggerReason: 'run_trigger',
          message: `Triggered by run ${applied.id} of workspace ${source.name}`,
          autoApply: workspace.auto_apply_run_trigger,
          structuredOutput: true,
          createdBy: null,
        }),
      )
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      app.log.warn(
        { err: error.message, runId: applied.id, workspaceId: workspace.id },
        'a triggered run was not started',
      )
    }
  }
}
