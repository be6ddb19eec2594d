import type { Tx } from '../../db/pool.ts'
import type { App } from '../app.ts'
import { notifyOfRun } from '../notifications/fire.ts'
import type { RunStatus } from './lifecycle.ts'

/** What others do when a run has a new status (`pending`: it was made), in the same transaction. */
export async function afterTransition(
  app: App,
  tx: Tx,
  run: { id: string; workspace_id: string },
  status: RunStatus,
): Promise<void> {
  await notifyOfRun(app, tx, run, status)
}
