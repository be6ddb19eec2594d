import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { selectRuns } from './queries.ts'

const QueuedRow = z.object({ id: z.string(), position: z.number() })
const CapacityRow = z.object({ pending: z.number(), running: z.number() })

/**
 * Runs of an organization that wait for capacity or use it, in the order in which workers take them. Running ones have
 * position 0, waiting ones count from 1. Waiting runs of workspaces the caller does not see count, but are not shown.
 */
export async function selectQueue(
  tx: Tx,
  organizationId: string,
  visible: FragmentSqlToken,
  page: { size: number; offset: number },
) {
  const queued = await tx.any(sql.type(QueuedRow.extend({ total_count: z.number() }))`
    select q.id, q.position, count(*) over ()::int as total_count
    from (
      select r.id, r.workspace_id, p.queued_at,
        case when p.status = 'running' then 0
          else count(*) filter (where p.status = 'queued') over (
            order by p.band, p.dispatched_at is null, p.rank, coalesce(p.dispatched_at, p.queued_at), p.id)
        end::int as position
      from runs r
      join phases p on p.run_id = r.id and p.status in ('queued', 'running')
      where r.organization_id = ${organizationId}
        and r.status in ('plan_queued', 'planning', 'confirmed', 'apply_queued', 'applying')) q
    join workspaces w on w.id = q.workspace_id
    where ${visible}
    order by q.position, q.queued_at, q.id
    limit ${page.size} offset ${page.offset}`)
  const runs = new Map(
    (
      await selectRuns(
        tx,
        queued.map((q) => q.id),
      )
    ).map((run) => [run.id, run]),
  )
  const rows = queued.flatMap(({ id, position }) => {
    const run = runs.get(id)
    return run ? [{ ...run, position_in_queue: position }] : []
  })
  return { rows, totalCount: queued[0]?.total_count ?? 0 }
}

export const selectCapacity = (tx: Tx, organizationId: string) =>
  tx.one(sql.type(CapacityRow)`
    select count(*) filter (where status in ('plan_queued', 'confirmed', 'apply_queued'))::int as pending,
      count(*) filter (where status in ('planning', 'applying'))::int as running
    from runs
    where organization_id = ${organizationId}
      and status in ('plan_queued', 'planning', 'confirmed', 'apply_queued', 'applying')`)
