import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { Actor } from '../access/actor.ts'
import { problem } from '../errors.ts'
import { lockWorkspaceRow, type WorkspaceLock } from '../workspaces/queries.ts'

/** Who may write state, and which state. Source: shared/api/cli-protocol.md 4.7. */
export interface StateIdentity {
  serial: number
  /** '' when the client did not say */
  lineage: string
  md5: string
}

/** Locks the workspace's row. @throws problem 'conflict' unless the caller holds the workspace's lock */
export async function lockHeldWorkspace(tx: Tx, workspaceId: string, actor: Actor): Promise<WorkspaceLock> {
  const workspace = await lockWorkspaceRow(tx, workspaceId)
  if (!workspace) throw problem('not_found')
  if (workspace.holder_run_id) {
    throw problem(
      'conflict',
      `The workspace is locked by Run ${workspace.holder_run_id}, which writes its state itself.`,
    )
  }
  const isHeld =
    (actor.kind === 'user' && workspace.locked_by_user_id === actor.userId) ||
    (actor.kind === 'team' && workspace.locked_by_team_id === actor.teamId)
  if (isHeld) return workspace
  const isLocked = workspace.locked_by_user_id !== null || workspace.locked_by_team_id !== null
  throw problem(
    'conflict',
    isLocked
      ? 'The workspace is locked by somebody else: only the holder of the lock may write state.'
      : 'The workspace is not locked. Lock it before you write state.',
  )
}

const IdentityRow = z.object({ serial: z.number(), lineage: z.string(), md5: z.string() })

/**
 * A growing serial is not demanded: clients push older states on purpose. The same serial with other content, or the
 * state of another lineage, is a mistake unless it is forced.
 * @throws problem 'conflict'
 */
export async function refuseConflict(tx: Tx, currentId: string | null, next: StateIdentity): Promise<void> {
  if (!currentId) return
  const current = await tx.maybeOne(sql.type(IdentityRow)`
    select serial, lineage, md5
    from state_versions
    where id = ${currentId}`)
  if (!current) return
  if (next.lineage && current.lineage && next.lineage !== current.lineage) {
    throw problem(
      'conflict',
      `The lineage of the state is ${next.lineage}, that of the workspace's current state is ${current.lineage}: they are not states of the same infrastructure.`,
    )
  }
  if (next.serial === current.serial && next.md5 !== current.md5) {
    throw problem('conflict', `The workspace's current state has serial ${current.serial} already, with other content.`)
  }
}
