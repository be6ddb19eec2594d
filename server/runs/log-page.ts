import { Readable } from 'node:stream'
import { problem } from '../../shared/errors.ts'
import { readLog } from '../../shared/runs/logs.ts'
import { type Phase, selectPhases } from '../../shared/runs/queries.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { findInLog, logWindow } from './log-view.ts'
import { runOfPath, runRoot } from './path.ts'
import type { RunSubject } from './subject.ts'
import { runPath } from './view.ts'

/** The logs of a run by themselves: raw, and page by page however long they are. */
export const logPages = new PageRoutes()

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

async function phaseOf({ app, subject }: PageContext & { subject: RunSubject }, kind: Phase['kind']): Promise<Phase> {
  const { run } = subject
  const [phase] = await selectPhases(app.db, [kind === 'plan' ? run.plan_id : run.apply_id])
  if (!phase) throw problem('not_found')
  return phase
}

const numberIn = (text: string): number | null => (/^\d{1,15}$/.test(text) ? Number(text) : null)

for (const kind of ['plan', 'apply'] as const) {
  logPages.get(`${runRoot}/${kind}-log`, { action: 'run:read', subject: runOfPath }, async (ctx) => {
    const phase = await phaseOf(ctx, kind)
    ctx.koa.type = 'text/plain; charset=utf-8'
    if (ctx.ask('download'))
      ctx.koa.set('Content-Disposition', `attachment; filename="${ctx.subject.run.id}-${kind}.log"`)
    // one piece ahead of the reader, however slow they are
    ctx.koa.body = Readable.from(rawLog(ctx, phase), { objectMode: false, highWaterMark: 64 * 1024 })
  })

  logPages.get(`${runRoot}/log/${kind}`, { action: 'run:read', subject: runOfPath }, async (ctx) => {
    const { run } = ctx.subject
    const phase = await phaseOf(ctx, kind)
    const q = ctx.ask('q').trim().slice(0, 200)
    const found = q ? await findInLog(ctx.app.db, phase, q) : null
    if (ctx.isPartial && found) return ctx.render('runs/_found', { kind, found, q, base: runPath(run) })
    const to = numberIn(ctx.ask('to'))
    const from = numberIn(ctx.ask('from'))
    const window = await logWindow(ctx.app.db, phase, to === null ? { from: from ?? 0 } : { to })
    const word = kind === 'plan' ? 'Plan' : 'Apply'
    await ctx.render('runs/log', { run, kind, word, phase, window, found, q, base: runPath(run) })
  })
}
