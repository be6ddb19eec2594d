import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { notify } from '../live.ts'
import { promoteNext } from '../runs/workspace-queue.ts'
import { lockWorkspaceRow, type WorkspaceLock } from './queries.ts'

/** A user or a team: who holds a workspace when no run does. */
export type LockHolder = { userId: string } | { teamId: string }

const isLocked = (lock: WorkspaceLock): boolean =>
  lock.locked_by_user_id !== null || lock.locked_by_team_id !== null || lock.holder_run_id !== null

async function lockRow(tx: Tx, id: string): Promise<WorkspaceLock> {
  const lock = await lockWorkspaceRow(tx, id)
  if (!lock) throw problem('not_found')
  return lock
}

/** @throws problem 'workspace_locked' when anybody holds it, the caller too */
export async function lockWorkspace(tx: Tx, id: string, holder: LockHolder, reason: string): Promise<void> {
  const lock = await lockRow(tx, id)
  if (isLocked(lock)) throw problem('workspace_locked', await lockedBy(tx, lock))
  await tx.query(sql.void`
    update workspaces
    set locked_by_user_id = ${'userId' in holder ? holder.userId : null},
      locked_by_team_id = ${'teamId' in holder ? holder.teamId : null},
      locked_at = clock_timestamp(), lock_reason = ${reason}
    where id = ${id}`)
  await notify(tx, 'workspaces', id)
}

/** @throws problem 'workspace_not_locked', or 'conflict' when somebody else holds it or its state is not in yet */
export async function unlockWorkspace(app: App, tx: Tx, id: string, holder: LockHolder): Promise<void> {
  const lock = await lockRow(tx, id)
  if (!isLocked(lock)) throw problem('workspace_not_locked')
  const isHolder =
    lock.holder_run_id === null &&
    ('userId' in holder ? lock.locked_by_user_id === holder.userId : lock.locked_by_team_id === holder.teamId)
  if (!isHolder) throw problem('conflict', `Unable to unlock: ${await lockedBy(tx, lock)}`)
  const { is_pending } = await tx.one(sql.type(z.object({ is_pending: z.boolean() }))`
    select exists (
      select 1
      from state_versions s
      where s.workspace_id = ${id} and s.status = 'pending' and s.created_at >= ${lock.locked_at?.toISOString() ?? null}::timestamptz
    ) as is_pending`)
  if (is_pending) throw problem('conflict', 'Unable to unlock: the latest state version is still pending.')
  await release(app, tx, id)
}

/** @throws problem 'workspace_not_locked', or 'conflict' when a run holds it: a run is ended, not unlocked */
export async function forceUnlockWorkspace(app: App, tx: Tx, id: string): Promise<void> {
  const lock = await lockRow(tx, id)
  if (!isLocked(lock)) throw problem('workspace_not_locked')
  if (lock.holder_run_id) {
    throw problem('conflict', `Unable to unlock: ${await lockedBy(tx, lock)} Discard or cancel the run instead.`)
  }
  await release(app, tx, id)
}

async function release(app: App, tx: Tx, id: string): Promise<void> {
  await tx.query(sql.void`
    update workspaces
    set locked_by_user_id = null, locked_by_team_id = null, locked_at = null, lock_reason = ''
    where id = ${id}`)
  await notify(tx, 'workspaces', id)
  await promoteNext(app, tx, id)
}

/** `The workspace is locked by User alice.`: clients look for the words up to the kind, in this case. */
async function lockedBy(tx: Tx, lock: WorkspaceLock): Promise<string> {
  if (lock.holder_run_id) return `The workspace is locked by Run ${lock.holder_run_id}.`
  const name = await tx.maybeOneFirst(sql.type(z.object({ name: z.string() }))`
    select u.username as name
    from users u
    where u.id = ${lock.locked_by_user_id}
    union all
    select t.name
    from teams t
    where t.id = ${lock.locked_by_team_id}`)
  return `The workspace is locked by ${lock.locked_by_team_id ? 'Team' : 'User'} ${name ?? ''}.`
}
