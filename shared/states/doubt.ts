import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/**
 * After an apply whose worker was lost, or whose engine was killed, the state may differ from reality. The workspace
 * says so until a person has looked (acknowledgeState) or a refresh-only run has compared the two.
 */
export const doubtState = (tx: Tx, run: { id: string; workspace_id: string }) =>
  tx.query(sql.void`
    update workspaces
    set state_doubted_at = now(), state_doubted_run_id = ${run.id}
    where id = ${run.workspace_id}`)

/**
 * A run ended well. When it was a refresh-only run of everything, planned after the doubt arose, and found nothing to
 * record or recorded it, the state is what is there.
 */
export const settleDoubt = (tx: Tx, run: { id: string; workspace_id: string }, event: 'plan' | 'apply') =>
  tx.query(sql.void`
    update workspaces w
    set state_doubted_at = null, state_doubted_run_id = null
    from runs r
    join phases p on p.run_id = r.id and p.kind = 'plan'
    where w.id = ${run.workspace_id} and w.state_doubted_at is not null
      and r.id = ${run.id} and r.refresh_only and r.target_addrs is null
      and (${event === 'apply'} or not r.has_changes)
      and p.started_at > w.state_doubted_at`)

/** A person has looked. Nothing happens when there is no doubt. */
export const acknowledgeState = (tx: Tx, workspaceId: string) =>
  tx.query(sql.void`
    update workspaces
    set state_doubted_at = null, state_doubted_run_id = null
    where id = ${workspaceId}`)
