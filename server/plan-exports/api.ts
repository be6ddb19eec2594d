// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/plan-exports
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import {
  createPlanExport,
  dataTypes,
  expirePlanExport,
  type PlanExport,
  selectOptionalPlanExport,
} from '../../shared/plan-exports/exports.ts'
import { selectOptionalPhase } from '../../shared/runs/queries.ts'
import { sendBlob } from '../download.ts'
import { one } from '../jsonapi/answer.ts'
import { defineResource, statusTimestamps, toOne } from '../jsonapi/document.ts'
import { type Context, Routes, requireMay, type Subject } from '../route.ts'
import { inWorkspace } from '../subjects.ts'

export const planExports = new Routes('/api/v2')

const planExport = defineResource<PlanExport>({
  type: 'plan-exports',
  id: (e) => e.id,
  attributes: (e) => ({
    'data-type': e.data_type,
    status: e.status,
    'status-timestamps': statusTimestamps(e.status_timestamps),
  }),
  relationships: (e) => ({ plan: toOne('plans', e.plan_id) }),
  links: (e) => ({
    self: `/api/v2/plan-exports/${e.id}`,
    download: e.status === 'finished' ? `/api/v2/plan-exports/${e.id}/download` : null,
  }),
})

const byId = '/plan-exports/:plan_export_id'

async function exportById(ctx: Context): Promise<Subject & { planExport: PlanExport }> {
  const found = await selectOptionalPlanExport(ctx.app.db, ctx.params.plan_export_id!)
  if (!found) throw problem('not_found')
  return { planExport: found, scope: inWorkspace(found) }
}

planExports.post(
  '/plan-exports',
  {
    // which plan it is, and whether the caller may read its values, is in the body
    action: 'account:read',
    attributes: z.object({ 'data-type': z.enum(dataTypes, 'is not included in the list') }),
    answers: 201,
  },
  async (ctx) => {
    const { app, input } = ctx
    const planId = input.relatedId('plan')
    if (!planId) throw invalid('plan', 'The relationship plan is required.')
    const plan = await selectOptionalPhase(app.db, planId)
    if (plan?.kind !== 'plan') throw problem('not_found')
    await requireMay(ctx.access, 'plan:read-json', inWorkspace(plan))
    if (!plan.plan_json_blob_id)
      throw invalid('plan', 'The plan has no data to export: it has not finished, or ended without any.')
    return one(planExport, await createPlanExport(app, plan.id, input.attributes['data-type']), ctx)
  },
)

planExports.get(byId, { action: 'plan:read-json', subject: exportById }, (ctx) =>
  one(planExport, ctx.subject.planExport, ctx),
)

planExports.delete(byId, { action: 'plan:read-json', subject: exportById }, (ctx) =>
  expirePlanExport(ctx.app, ctx.subject.planExport.id),
)

planExports.get(`${byId}/download`, { action: 'plan:read-json', subject: exportById }, async (ctx) => {
  const { id, status, blob_id, size_bytes } = ctx.subject.planExport
  if (status === 'expired') throw problem('gone', 'The export has expired. Make a new one.')
  if (!blob_id) throw problem('not_found', `The export is ${status}: there is nothing to download.`)
  await sendBlob(ctx, {
    id: blob_id,
    of: id,
    sizeBytes: size_bytes!,
    type: 'application/gzip',
    fileName: `${id}.tar.gz`,
  })
})
