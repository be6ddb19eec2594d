import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'

/** A plan's data as a file to download: made by a job, kept for an hour. */
export const dataTypes = ['sentinel-mock-bundle-v0'] as const
export type DataType = (typeof dataTypes)[number]

const HOURS_KEPT = 1

const ExportRow = z.object({
  id: z.string(),
  plan_id: z.string(),
  data_type: z.enum(dataTypes),
  status: z.enum(['queued', 'finished', 'errored', 'expired']),
  status_timestamps: z.record(z.string(), z.string()),
  blob_id: z.string().nullable(),
  size_bytes: z.number().nullable(),
  workspace_id: z.string(),
  organization_id: z.string(),
  project_id: z.string(),
})
export type PlanExport = z.output<typeof ExportRow>

export const selectOptionalPlanExport = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ExportRow)`
    select e.id, e.plan_id, e.data_type, e.status, e.status_timestamps, e.blob_id, b.size_bytes, r.workspace_id,
      r.organization_id, w.project_id
    from plan_exports e
    join phases p on p.id = e.plan_id
    join runs r on r.id = p.run_id
    join workspaces w on w.id = r.workspace_id
    join organizations o on o.id = r.organization_id and o.deleted_at is null
    left join blobs b on b.id = e.blob_id
    where e.id = ${id}`)

export const createPlanExport = (app: App, planId: string, dataType: DataType): Promise<PlanExport> =>
  app.db.transaction(async (tx) => {
    const id = newId('pe')
    await tx.query(sql.void`
      insert into plan_exports (id, plan_id, data_type, status_timestamps)
      values (${id}, ${planId}, ${dataType}, ${sql.jsonb({ 'queued-at': app.now().toISOString() })})`)
    await app.queue.send(tx, 'plan-export', { planExportId: id })
    return (await selectOptionalPlanExport(tx, id))!
  })

/** The end of one that is still queued; another delivery of the job changes nothing. */
export const endPlanExport = (app: App, tx: Tx, id: string, status: 'finished' | 'errored', blobId: string | null) =>
  tx.query(sql.void`
    update plan_exports
    set status = ${status}, blob_id = ${blobId},
      status_timestamps = status_timestamps || ${sql.jsonb({
        [`${status}-at`]: app.now().toISOString(),
        ...(status === 'finished' && {
          'expired-at': new Date(app.now().getTime() + HOURS_KEPT * 3_600_000).toISOString(),
        }),
      })}
    where id = ${id} and status = 'queued'`)

/** The bytes go; that there was an export stays known. */
export const expirePlanExport = (app: App, id: string): Promise<void> =>
  app.db.transaction(async (tx) => {
    const row = await tx.maybeOne(sql.type(z.object({ blob_id: z.string().nullable() }))`
      select blob_id
      from plan_exports
      where id = ${id}
      for update`)
    if (!row) return
    await tx.query(sql.void`
      update plan_exports
      set status = 'expired', blob_id = null,
        status_timestamps = status_timestamps || ${sql.jsonb({ 'expired-at': app.now().toISOString() })}
      where id = ${id}`)
    if (row.blob_id) await app.blobs.remove(tx, row.blob_id)
  })

/** @returns how many expired */
export async function expirePlanExports(app: App): Promise<number> {
  const old = await app.db.any(sql.type(z.object({ id: z.string() }))`
    select id
    from plan_exports
    where status = 'finished' and created_at < now() - make_interval(hours => ${HOURS_KEPT})
    limit 100`)
  for (const { id } of old) await expirePlanExport(app, id)
  return old.length
}
