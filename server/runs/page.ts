import { Readable } from 'node:stream'
import { problem } from '../../shared/errors.ts'
import { addComment, cancelRun, confirmRun, discardRun, forceCancelRun } from '../../shared/runs/actions.ts'
import { statuses } from '../../shared/runs/lifecycle.ts'
import type { Run } from '../../shared/runs/queries.ts'
import { selectRecentRunsPage } from '../../shared/runs/recent.ts'
import { retryRun } from '../../shared/runs/retry.ts'
import { newNonce, once } from '../../shared/sessions/form-once.ts'
import { overrideStage } from '../../shared/tasks/settle.ts'
import { selectTaskStages } from '../../shared/tasks/stages.ts'
import { badgeOf } from '../badge.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { workspaceByName } from '../subjects.ts'
import { liveRun, parsePosition, positionText } from './live.ts'
import { type LogView, logView } from './log-view.ts'
import { runOfPath, runRoot, runsRoot } from './path.ts'
import { noAsk, queryOf } from './plan-ask.ts'
import { planView } from './plan-view.ts'
import type { RunSubject } from './subject.ts'
import { runPath, runView } from './view.ts'

export const runPages = new PageRoutes()

runPages.get(runsRoot, { action: 'run:read', subject: workspaceByName }, async (ctx) => {
  const { app, subject } = ctx
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const status = (statuses as readonly string[]).includes(ctx.ask('status')) ? ctx.ask('status') : ''
  const filter = { statuses: status ? [status] : null, q: q || null }
  const { rows, totalCount } = await selectRecentRunsPage(app.db, subject.workspace.id, filter, page)
  await ctx.render('runs/list', { workspace: subject.workspace, runs: rows, totalCount, page, q, status, statuses })
})

runPages.get(runRoot, { action: 'run:read', subject: runOfPath }, async (ctx) => {
  const view = await runView(ctx, ctx.subject.run)
  const planLog = await logView(ctx, view.plan)
  const applyLog = await logView(ctx, view.apply)
  const at = (log: LogView | null) =>
    log ? { bytes: log.position, lines: log.lastNumber, step: log.step } : { bytes: 0, lines: 0, step: null }
  const from = positionText({ plan: at(planLog), apply: at(applyLog) })
  const plan = await planView(ctx.app, view.plan, noAsk)
  await ctx.render('runs/show', { ...view, planLog, applyLog, planView: plan, queryOf, from, nonce: newNonce() })
})

runPages.get(`${runRoot}/live`, { action: 'run:read', subject: runOfPath }, async (ctx) => {
  const { koa, subject } = ctx
  const from = parsePosition(koa.get('last-event-id')) ?? parsePosition(ctx.ask('from'))
  if (!from) throw problem('bad_request')
  const closed = new AbortController()
  koa.req.once('close', () => closed.abort())
  koa.res.once('close', () => closed.abort())
  koa.set({ 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' })
  koa.type = 'text/event-stream'
  koa.body = Readable.from(liveRun(ctx, subject.run, { from, hasPlan: ctx.ask('plan') === '1' }, closed.signal), {
    objectMode: false,
    highWaterMark: 16_384,
  })
})

const deeds = {
  confirm: { action: 'run:apply', does: confirmRun, said: 'Confirmed. Applying starts when a runner is free.' },
  discard: { action: 'run:discard', does: discardRun, said: 'Discarded. Nothing was applied.' },
  cancel: { action: 'run:cancel', does: cancelRun, said: 'Canceling. A running engine finishes what it began.' },
  'force-cancel': {
    action: 'run:force-cancel',
    does: forceCancelRun,
    said: 'Killed. Compare the state before the next run.',
  },
} as const

const killForm = (ctx: PageContext & { subject: RunSubject }, error: string | null) =>
  ctx.render('runs/kill', { run: ctx.subject.run, base: runPath(ctx.subject.run), error })

runPages.get(`${runRoot}/force-cancel`, { action: 'run:force-cancel', subject: runOfPath }, (ctx) =>
  killForm(ctx, null),
)

for (const [name, deed] of Object.entries(deeds)) {
  runPages.post(`${runRoot}/${name}`, { action: deed.action, subject: runOfPath }, async (ctx) => {
    const { app, form, session, subject } = ctx
    const { run } = subject
    refuseStale(run, form.line('status'))
    if (name === 'force-cancel' && form.line('name') !== run.workspace_name) {
      ctx.koa.status = 422
      return killForm(ctx, `Type ${run.workspace_name} to go on.`)
    }
    const comment = form.text('comment').trim().slice(0, 20_000) || undefined
    await deed.does(app, run.id, { userId: session!.user_id, comment })
    ctx.redirect(runPath(run), { tone: 'green', text: deed.said })
  })
}

/** Lets a run go on although policies failed, where whoever made their set allows it. */
runPages.post(`${runRoot}/override`, { action: 'run:override-policy', subject: runOfPath }, async (ctx) => {
  const { app, form, session, subject } = ctx
  const { run } = subject
  refuseStale(run, form.line('status'))
  const stages = await selectTaskStages(app.db, run.task_stage_ids)
  const held = stages.find((stage) => stage.status === 'awaiting_override')
  if (!held) throw problem('conflict', 'No policy waits for a decision. Nothing was done. Look at it again.')
  const comment = form.text('comment').trim().slice(0, 20_000) || undefined
  await overrideStage(app, held, { userId: session!.user_id, comment })
  ctx.redirect(runPath(run), { tone: 'green', text: 'Overridden. The run goes on although policies failed.' })
})

/** A form carries the status that it was drawn for: nobody confirms what they have not seen. */
function refuseStale(run: Run, drawnFor: string): void {
  if (drawnFor === run.status) return
  const word = badgeOf(run).word.toLowerCase()
  throw problem('conflict', `Meanwhile the run went on: it is “${word}” now. Nothing was done. Look at it again.`)
}

runPages.post(`${runRoot}/comments`, { action: 'run:comment', subject: runOfPath }, async (ctx) => {
  const body = ctx.form.text('comment').trim()
  if (body === '' || body.length > 20_000) throw problem('invalid_attribute', 'A comment has 1 to 20,000 characters.')
  await addComment(ctx.app, ctx.subject.run.id, body, ctx.session!.user_id)
  ctx.redirect(`${runPath(ctx.subject.run)}#timeline`)
})

runPages.post(`${runRoot}/retry`, { action: 'run:create', subject: runOfPath }, async (ctx) => {
  const { app, form, session, subject } = ctx
  const { run } = subject
  const id = await app.db.transaction((tx) =>
    once(tx, session!.user_id, form.line('nonce'), () => retryRun(app, tx, run, session!.user_id)),
  )
  ctx.redirect(runPath({ ...run, id }), {
    tone: 'green',
    text: `Started again with everything that run ${run.number} had.`,
  })
})
