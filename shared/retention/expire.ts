import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { archiveConfiguration } from '../configurations/configurations.ts'
import { Problem } from '../errors.ts'
import { deleteStateData, softDeleteState } from '../states/backing-data.ts'

const BATCH = 100
const IdRow = z.object({ id: z.string() })

/** Days that a workspace's data is kept; null: for ever. */
const keptDays = sql.fragment`
  (select d.days
   from data_retention_policies d
   where d.workspace_id = w.id or d.organization_id = w.organization_id
   order by d.workspace_id is null
   limit 1)`

/**
 * Takes the bytes of what is older than its policy allows: states and configurations that are neither current nor
 * used by an unfinished run. At most a batch of each; what is left comes with the next sweep.
 */
export async function expireData(app: App): Promise<void> {
  const states = await app.db.any(sql.type(IdRow)`
    select s.id
    from state_versions s
    join workspaces w on w.id = s.workspace_id
    where s.status in ('finalized', 'backing_data_soft_deleted')
      and w.organization_id in (${withPolicy})
      and s.created_at < now() - make_interval(days => ${keptDays})
      and s.id is distinct from w.current_state_version_id
      and not exists (select 1 from runs r where r.base_state_version_id = s.id and r.finished_at is null)
      and not exists (select 1 from runs r where r.id = s.run_id and r.finished_at is null)
    order by s.created_at
    limit ${BATCH}`)
  for (const { id } of states) {
    await unlessNeeded(() => softDeleteState(app, id))
    await unlessNeeded(() => deleteStateData(app, id))
  }
  const configurations = await app.db.any(sql.type(IdRow)`
    select c.id
    from configuration_versions c
    join workspaces w on w.id = c.workspace_id
    where c.status = 'uploaded'
      and w.organization_id in (${withPolicy})
      and c.created_at < now() - make_interval(days => ${keptDays})
      and c.id is distinct from w.current_configuration_version_id
      and not exists (select 1 from runs r where r.configuration_version_id = c.id and r.finished_at is null)
    order by c.created_at
    limit ${BATCH}`)
  for (const { id } of configurations) await unlessNeeded(() => archiveConfiguration(app, id))
}

/** Organizations that have a policy at all, so that the others cost nothing. */
const withPolicy = sql.fragment`
  select coalesce(d.organization_id, x.organization_id)
  from data_retention_policies d
  left join workspaces x on x.id = d.workspace_id
  where d.days is not null`

/** It may have become current, or be gone, since it was chosen: the one who takes it decides under the lock. */
async function unlessNeeded(remove: () => Promise<void>): Promise<void> {
  try {
    await remove()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
  }
}
