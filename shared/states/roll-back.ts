import type { Actor } from '../access/actor.ts'
import type { App } from '../app.ts'
import { lockWorkspace, unlockWorkspace } from '../workspaces/lock.ts'
import { lockWorkspaceRow } from '../workspaces/queries.ts'
import { rollBack } from './create.ts'

/**
 * Rolls back for a person: takes the workspace's lock for it, unless the person holds it, and gives it back.
 * @throws problem 'workspace_locked' when somebody else or a run holds it
 */
export async function rollBackLocked(
  app: App,
  workspaceId: string,
  { actor, userId }: { actor: Actor; userId: string },
  version: { id: string; serial: number },
): Promise<void> {
  const isOwn = (await lockWorkspaceRow(app.db, workspaceId))?.locked_by_user_id === userId
  if (!isOwn)
    await app.db.transaction((tx) => lockWorkspace(tx, workspaceId, { userId }, `Roll back to state ${version.serial}`))
  try {
    await rollBack(app, workspaceId, actor, version.id)
  } finally {
    if (!isOwn) await app.db.transaction((tx) => unlockWorkspace(app, tx, workspaceId, { userId }))
  }
}
