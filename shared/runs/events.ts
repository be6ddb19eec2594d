import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'

/** Something about a run that is no transition, for its timeline. */
export const insertRunEvent = (
  tx: Tx,
  runId: string,
  action: string,
  by: string | null,
  commentId: string | null = null,
) =>
  tx.query(sql.void`
    insert into run_events (id, run_id, action, actor_user_id, comment_id, created_at)
    values (${newId('re')}, ${runId}, ${action}, ${by}, ${commentId}, clock_timestamp())`)
