import { Readable } from 'node:stream'
import { problem } from '../../shared/errors.ts'
import { addComment, cancelRun, confirmRun, discardRun, forceCancelRun } from '../../shared/runs/actions.ts'
import { statuses } from '../../shared/runs/lifecycle.ts'
import { readLog } from '../../shared/runs/logs.ts'
import { type Phase, type Run, selectPhases } from '../../shared/runs/queries.ts'
import { selectRecentRunsPage } from '../../shared/runs/recent.ts'
import { badgeOf } from '../badge.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import type { Context } from '../route.ts'
import { workspaceByName } from '../subjects.ts'
import { liveRun, parsePosition, positionText } from './live.ts'
import { type RunSubject, runById } from './subject.ts'
import { type LogView, logView, runPath, runView } from './view.ts'

export const runPages = new PageRoutes()

const runs = '/app/:organization_name/workspaces/:workspace_name/runs'
const one = `${runs}/:run_id`

/** The run, when it is of the workspace that the path names. */
export async function runOfPath(ctx: Context): Promise<RunSubject> {
  const subject = await runById(ctx)
  const same = (a: string, b: string | undefined) => a.toLowerCase() === b?.toLowerCase()
  const { run } = subject
  if (
    !same(run.organization_name, ctx.params.organization_name) ||
    !same(run.workspace_name, ctx.params.workspace_name)
  )
    throw problem('not_found')
  return subject
}

runPages.get(runs, { action: 'run:read', subject: workspaceByName }, async (ctx) => {
  const { app, subject } = ctx
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const status = (statuses as readonly string[]).includes(ctx.ask('status')) ? ctx.ask('status') : ''
  const filter = { statuses: status ? [status] : null, q: q || null }
  const { rows, totalCount } = await selectRecentRunsPage(app.db, subject.workspace.id, filter, page)
  await ctx.render('runs/list', { workspace: subject.workspace, runs: rows, totalCount, page, q, status, statuses })
})

runPages.get(one, { action: 'run:read', subject: runOfPath }, async (ctx) => {
  const view = await runView(ctx, ctx.subject.run)
  const planLog = await logView(ctx, view.plan)
  const applyLog = await logView(ctx, view.apply)
  const at = (log: LogView | null) => ({
    bytes: log?.position ?? 0,
    lines: log === null ? 0 : log.first === null ? -1 : log.first + log.lines.length - 1,
  })
  const from = positionText({ plan: at(planLog), apply: at(applyLog) })
  await ctx.render('runs/show', { ...view, planLog, applyLog, from })
})

runPages.get(`${one}/live`, { action: 'run:read', subject: runOfPath }, async (ctx) => {
  const { koa, subject } = ctx
  const from = parsePosition(koa.get('last-event-id')) ?? parsePosition(ctx.ask('from'))
  if (!from) throw problem('bad_request')
  const closed = new AbortController()
  koa.req.once('close', () => closed.abort())
  koa.res.once('close', () => closed.abort())
  koa.set({ 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' })
  koa.type = 'text/event-stream'
  koa.body = Readable.from(liveRun(ctx, subject.run, from, closed.signal), { objectMode: false, highWaterMark: 16_384 })
})

/** Bytes as the engine wrote them: without the marks that begin and end a log. */
async function* rawLog(ctx: PageContext, phase: Phase): AsyncGenerator<Buffer> {
  const end = phase.log_size - (phase.log_closed ? 1 : 0)
  for (let at = 1; at < end; ) {
    const piece = await readLog(ctx.app.db, phase.id, { offset: at, limit: Math.min(1024 * 1024, end - at) })
    if (piece.length === 0) return
    at += piece.length
    yield piece
  }
}

for (const kind of ['plan', 'apply'] as const) {
  runPages.get(`${one}/${kind}-log`, { action: 'run:read', subject: runOfPath }, async (ctx) => {
    const { run } = ctx.subject
    const [phase] = await selectPhases(ctx.app.db, [kind === 'plan' ? run.plan_id : run.apply_id])
    if (!phase) throw problem('not_found')
    ctx.koa.type = 'text/plain; charset=utf-8'
    if (ctx.ask('download')) ctx.koa.set('Content-Disposition', `attachment; filename="${run.id}-${kind}.log"`)
    ctx.koa.body = Readable.from(rawLog(ctx, phase))
  })
}

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

for (const [name, deed] of Object.entries(deeds)) {
  runPages.post(`${one}/${name}`, { action: deed.action, subject: runOfPath }, async (ctx) => {
    const { app, form, session, subject } = ctx
    const { run } = subject
    refuseStale(run, form.line('status'))
    const comment = form.text('comment').trim().slice(0, 20_000) || undefined
    await deed.does(app, run.id, { userId: session!.user_id, comment })
    ctx.redirect(runPath(run), { tone: 'green', text: deed.said })
  })
}

/** A form carries the status that it was drawn for: nobody confirms what they have not seen. */
function refuseStale(run: Run, drawnFor: string): void {
  if (drawnFor === run.status) return
  const word = badgeOf(run).word.toLowerCase()
  throw problem('conflict', `Meanwhile the run went on: it is “${word}” now. Nothing was done. Look at it again.`)
}

runPages.post(`${one}/comments`, { action: 'run:comment', subject: runOfPath }, async (ctx) => {
  const body = ctx.form.text('comment').trim()
  if (body === '' || body.length > 20_000) throw problem('invalid_attribute', 'A comment has 1 to 20,000 characters.')
  await addComment(ctx.app, ctx.subject.run.id, body, ctx.session!.user_id)
  ctx.redirect(`${runPath(ctx.subject.run)}#timeline`)
})
