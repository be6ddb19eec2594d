import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'

const BATCH = 200
const IdRow = z.object({ id: z.string() })

/**
 * Deletes runs that ended longer ago than the server keeps them, with their logs and plans; states stay. A run that has
 * not ended stays whatever its age, and so does what its workspace still points at: its current run, the run of its
 * current state, and the one that left the state in doubt.
 * @returns how many; at most a batch, what is left comes with the next sweep
 */
export async function deleteOldRuns(app: App): Promise<number> {
  const days = app.config.runRetentionDays
  if (days === undefined) return 0
  const deleted = await app.db.any(sql.type(IdRow)`
    delete from runs
    where id in (
      select r.id
      from runs r
      join workspaces w on w.id = r.workspace_id
      left join state_versions s on s.id = w.current_state_version_id
      where r.finished_at < now() - make_interval(days => ${days})
        and r.id is distinct from w.current_run_id
        and r.id is distinct from w.state_doubted_run_id
        and r.id is distinct from s.run_id
      order by r.finished_at
      limit ${BATCH}
      for update of r skip locked)
    returning id`)
  if (deleted.length > 0) app.log.info({ runs: deleted.length, days }, 'old runs were deleted')
  return deleted.length
}
