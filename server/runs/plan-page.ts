import { problem } from '../../shared/errors.ts'
import { selectOptionalRow } from '../../shared/plans/queries.ts'
import { CUT_AT_MOST, readPlanText } from '../../shared/plans/store.ts'
import { selectPhases } from '../../shared/runs/queries.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { runOfPath, runRoot } from './path.ts'
import { planAskOf, queryOf } from './plan-ask.ts'
import { openRow, planView } from './plan-view.ts'
import { actionLooks } from './plan-words.ts'
import type { RunSubject } from './subject.ts'
import { runPath } from './view.ts'

/** The plan of a run by itself: filtered, paged, one change of it, and as JSON. */
export const planPages = new PageRoutes()

const readable = { action: 'run:read', subject: runOfPath } as const

async function planOf({ app, subject }: PageContext & { subject: RunSubject }) {
  const [plan] = await selectPhases(app.db, [subject.run.plan_id])
  if (!plan) throw problem('not_found')
  return plan
}

planPages.get(`${runRoot}/plan`, readable, async (ctx) => {
  const { run } = ctx.subject
  const view = await planView(ctx.app, await planOf(ctx), planAskOf(ctx))
  const rest = { run, planView: view, base: runPath(run), queryOf }
  if (ctx.isPartial && ctx.ask('after')) return ctx.render('runs/_plan-more', rest)
  await ctx.render(ctx.isPartial ? 'runs/_plan' : 'runs/plan', rest)
})

planPages.get(`${runRoot}/changes/:number`, readable, async (ctx) => {
  const { run } = ctx.subject
  const number = Number(ctx.params.number)
  const row =
    Number.isInteger(number) && number < 2 ** 31 ? await selectOptionalRow(ctx.app.db, run.plan_id, number) : null
  if (!row) throw problem('not_found')
  const all = ctx.ask('all') !== '' || !ctx.isPartial
  const open = await openRow(ctx.app, run.plan_id, row, { all })
  const line = { row, look: actionLooks[row.action], notes: [], open }
  await ctx.render(ctx.isPartial ? 'runs/_change' : 'runs/change', { run, base: runPath(run), line })
})

planPages.get(`${runRoot}/json`, readable, async (ctx) => {
  const { plan_json_redacted_blob_id: blobId } = await planOf(ctx)
  if (!blobId) throw problem('not_found', 'This run has no plan as JSON.')
  const text = await readPlanText(ctx.app, blobId, CUT_AT_MOST)
  ctx.koa.type = 'application/json'
  ctx.koa.body = text ?? (await ctx.app.blobs.read(blobId))
})
