import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { notify } from '../live.ts'
import type { Attribute, Shown } from './attributes.ts'
import { cutPlan } from './cut.ts'
import type { PlanDocument } from './json.ts'
import type { CutPlan, PlanRow } from './row.ts'

/** Plans up to this size are cut where they arrive; larger ones by a background job, in a thread of its own. */
export const CUT_AT_ONCE = 512 * 1024
/** Larger ones are not cut: the log and the JSON remain. */
export const CUT_AT_MOST = 96 * 1024 * 1024

const SEARCH_LIMIT = 8 * 1024
const BATCH = 500

const PlanRowOfPhase = z.object({
  run_id: z.string(),
  organization_id: z.string(),
  blob_id: z.string().nullable(),
  is_cut: z.boolean(),
})

export const selectPlanToCut = (tx: Tx, planId: string) =>
  tx.maybeOne(sql.type(PlanRowOfPhase)`
    select p.run_id, r.organization_id, p.plan_json_redacted_blob_id as blob_id, coalesce(s.blob_id = p.plan_json_redacted_blob_id, false) as is_cut
    from phases p
    join runs r on r.id = p.run_id
    left join plan_summaries s on s.plan_id = p.id
    where p.id = ${planId} and p.kind = 'plan'`)

/** Plans without rows, whose worker died after the end of the phase. A job cuts each. @returns how many */
export async function cutMissed(app: App): Promise<number> {
  const plans = await app.db.any(sql.type(z.object({ id: z.string() }))`
    select p.id
    from phases p
    left join plan_summaries s on s.plan_id = p.id and s.blob_id = p.plan_json_redacted_blob_id
    where p.plan_json_redacted_blob_id is not null and s.plan_id is null
      and p.finished_at between now() - interval '1 hour' and now() - interval '30 seconds'
    limit 100`)
  for (const { id } of plans) await app.queue.send(app.db, 'plan-rows', { planId: id }, { singletonKey: id })
  return plans.length
}

/** The redacted plan JSON was stored: small ones become rows at once, large ones by a job. */
export async function planArrived(app: App, planId: string): Promise<void> {
  const plan = await selectPlanToCut(app.db, planId)
  if (!plan?.blob_id || plan.is_cut) return
  try {
    const text = await readPlanText(app, plan.blob_id, CUT_AT_ONCE)
    if (text !== null) return await storePlan(app, planId, plan.blob_id, cutPlan(JSON.parse(text) as PlanDocument))
  } catch (error) {
    // a plan that cannot be shown is a plan all the same: the job tries again, and its failure is seen there
    app.log.warn({ planId, err: (error as Error).message }, 'the plan could not be cut into rows at once')
  }
  await app.queue.send(app.db, 'plan-rows', { planId })
}

/**
 * The redacted plan without the providers' schemas behind it, which are many times its size.
 * null: longer than `limit` bytes. Source: worker/execute/plan-files.ts, which joins both.
 */
export async function readPlanText(app: App, blobId: string, limit: number): Promise<string | null> {
  const schemas = Buffer.from(',"provider_schemas":{')
  const format = ',"provider_format_version":'
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of (await app.blobs.read(blobId)) as AsyncIterable<Buffer>) {
    const border = Buffer.concat([(pieces.at(-1) ?? Buffer.alloc(0)).subarray(-schemas.length), piece])
    pieces.push(piece)
    size += piece.length
    if (border.includes(schemas)) {
      const all = Buffer.concat(pieces)
      const end = all.lastIndexOf(format, all.indexOf(schemas))
      return end > 0 && end <= limit ? `${all.toString('utf8', 0, end)}}` : null
    }
    if (size > limit + 1024 * 1024) return null
  }
  return size > limit ? null : Buffer.concat(pieces).toString('utf8')
}

/** Puts the rows in place of those of a former try; does nothing when the plan was replaced meanwhile. */
export async function storePlan(app: App, planId: string, blobId: string, { rows, summary, sensitive }: CutPlan) {
  await app.db.transaction(async (tx) => {
    const plan = await tx.maybeOne(sql.type(z.object({ run_id: z.string(), organization_id: z.string() }))`
      select p.run_id, r.organization_id
      from phases p
      join runs r on r.id = p.run_id
      where p.id = ${planId} and p.plan_json_redacted_blob_id = ${blobId}
      for no key update of p`)
    if (!plan) return
    await tx.query(sql.void`delete from plan_summaries where plan_id = ${planId}`)
    await tx.query(sql.void`
      insert into plan_summaries (plan_id, blob_id, summary)
      values (${planId}, ${blobId}, ${JSON.stringify(summary)})`)
    for (let at = 0; at < rows.length; at += BATCH) await insertRows(tx, planId, rows.slice(at, at + BATCH))
    if (sensitive.length > 0) {
      const marks = sensitive.map(({ type, path }) => [plan.organization_id, type, path])
      await tx.query(sql.void`
        insert into sensitive_attributes (organization_id, type, path)
        select *
        from ${sql.unnest(marks, ['text', 'text', 'text'])}
        on conflict do nothing`)
    }
    await notify(tx, `run:${plan.run_id}`)
  })
}

const columns = 'text int4 int4 int4 text text text text text bool bool text text'.split(' ')

async function insertRows(tx: Tx, planId: string, rows: readonly PlanRow[]): Promise<void> {
  const values = rows.map((r) => [
    planId,
    r.number,
    r.head,
    r.foldSize,
    r.kind,
    r.action,
    clean(r.address),
    clean(r.module),
    clean(r.type),
    r.holdsData,
    r.isNoise,
    JSON.stringify(r.change),
    searchText(r),
  ])
  await tx.query(sql.void`
    insert into plan_rows (plan_id, number, head, fold_size, kind, action, address, module, type, holds_data, is_noise, change,
      search)
    select *
    from ${sql.unnest(values as never, columns as never)}`)
}

const clean = (text: string): string => text.replaceAll('\0', '␀')

function searchText({ address, change }: PlanRow): string {
  const word = (value: Shown | undefined) => (typeof value === 'string' ? value : '')
  const words = (a: Attribute) => [
    a.path,
    word(a.before),
    word(a.after),
    ...(a.parts ?? []).map((part) => word(part.value)),
  ]
  const parts = change.attributes.filter((a) => a.op !== 'same').flatMap(words)
  return clean([address, ...parts].join('\n').slice(0, SEARCH_LIMIT).toLowerCase())
}
