import { setTimeout as sleep } from 'node:timers/promises'
import { readLog } from '../../shared/runs/logs.ts'
import type { Phase, Run } from '../../shared/runs/queries.ts'
import { selectOptionalRun, selectPhases } from '../../shared/runs/queries.ts'
import { newNonce } from '../../shared/sessions/form-once.ts'
import { accessOf } from '../middleware/actor.ts'
import { actorOfSession, sessionOf } from '../middleware/session.ts'
import { allowedActions, type PageContext } from '../page-route.ts'
import { renderView } from '../render.ts'
import { checksOf, printOfChecks } from './checks.ts'
import { runActions, runScope } from './json.ts'
import { LogReader } from './log-lines.ts'
import { type LogStep, logSteps } from './log-steps.ts'
import { type NumberedLine, numbered } from './log-view.ts'
import { noAsk, queryOf } from './plan-ask.ts'
import { planView } from './plan-view.ts'
import { runPath, runView } from './view.ts'

/** How far a browser has both logs: bytes, lines for numbering, and the step of the last line. */
interface Position {
  bytes: number
  lines: number
  step: LogStep | null
}
export interface Positions {
  plan: Position
  apply: Position
}

/** `123.4.main-0.0`: bytes, lines and step of the plan's log, then of the apply's. The id of each event, and `?from=`. */
export const positionText = (p: Positions): string =>
  [p.plan, p.apply].map((at) => `${at.bytes}.${at.lines}${at.step ? `.${at.step}` : ''}`).join('-')

const position = /^(\d{1,15})\.(\d{1,12})(?:\.([a-z]+))?$/

export function parsePosition(text: string): Positions | null {
  const [plan, apply] = text.split('-').map((part): Position | null => {
    const [, bytes, lines, word] = position.exec(part) ?? []
    if (!bytes || !lines) return null
    return { bytes: Number(bytes), lines: Number(lines), step: logSteps.find((step) => step === word) ?? null }
  })
  return plan && apply ? { plan, apply } : null
}

/** How long a stream is silent, and how long it trusts its last look at who may read; a test makes them longer. */
export const pauses = { pingMs: 15_000, checkAccessMs: 10_000 }
/** So long the stream of a finished run waits for the rows of its plan. */
const PLAN_MS = 60_000
const LEAST_PAUSE_MS = 250
const PIECE_BYTES = 64 * 1024

const message = (id: string, html: string): string =>
  `id: ${id}\n${html
    .split('\n')
    .map((line) => `data: ${line}`)
    .join('\n')}\n\n`

/**
 * The event stream of one run's page: what changed as `hx-partial`, log lines to the end of their list, `done` at
 * the end. Nothing is made before the client took what went before, so that one that never reads costs one piece.
 */
export async function* liveRun(
  ctx: PageContext,
  first: Run,
  seen: { from: Positions /** the plan's rows are in the page */; hasPlan: boolean },
  closed: AbortSignal,
): AsyncGenerator<string> {
  const { app } = ctx
  const { from } = seen
  let { hasPlan } = seen
  const topics = [`run:${first.id}`, `log:${first.plan_id}`, `log:${first.apply_id}`, 'access', 'reconnected']
  const waker = openWaker(app.live.subscribe, topics, closed)
  const readers = {
    plan: new LogReader(from.plan.step ?? undefined),
    apply: new LogReader(from.apply.step ?? undefined),
  }
  let shown = ''
  let checkedAt = 0
  const look = () => {
    checkedAt = 0
  }
  const leave = ['access', 'reconnected'].map((topic) => app.live.subscribe(topic, look))
  try {
    yield 'retry: 1000\n\n'
    while (!closed.aborted) {
      waker.clear()
      if (Date.now() - checkedAt > pauses.checkAccessMs) {
        checkedAt = Date.now()
        if (!(await renewAccess(ctx, first))) {
          yield 'event: done\ndata: gone\n\n'
          return
        }
      }
      const run = await selectOptionalRun(app.db, first.id)
      if (!run) return
      const phases = await selectPhases(app.db, [run.plan_id, run.apply_id])
      const print = [
        run.status,
        run.stop_wish,
        run.comment_ids.length,
        runActions(run)['is-force-cancelable'],
        ...phases.map((p) => `${p.status}${p.log_size > 2}`),
        printOfChecks(await checksOf(ctx, run)),
      ].join()
      if (print !== shown) {
        shown = print
        const allowed = await allowedActions(ctx, runScope(run))
        const view = { ...(await runView(ctx, run)), can: (a: string) => allowed.has(a as never) }
        const html = renderView('runs/_live', {
          ...view,
          now: app.now(),
          csrf: ctx.session?.csrf_token ?? '',
          nonce: newNonce(),
        })
        yield message(positionText(from), html)
      }
      const [plan] = phases.filter((p) => p.kind === 'plan')
      const rows = hasPlan || !plan ? null : await planView(app, plan, noAsk)
      if (rows && rows.state !== 'awaited' && rows.state !== 'preparing') {
        hasPlan = true
        const html = renderView('runs/_live-plan', { planView: rows, queryOf, base: runPath(run) })
        yield message(positionText(from), html)
      }
      let more = false
      for (const phase of phases) {
        const piece = await nextLines(ctx, phase, from[phase.kind], readers[phase.kind])
        if (!piece) continue
        more ||= piece.more
        if (piece.lines.length > 0) yield message(positionText(from), linesHtml(phase, piece))
      }
      if (more) continue
      const isPlanDue =
        rows?.state === 'preparing' && app.now().getTime() - (plan?.finished_at?.getTime() ?? 0) < PLAN_MS
      const over =
        !isPlanDue &&
        run.finished_at !== null &&
        phases.every((p) => p.log_closed || p.log_size === 0 || p.status === 'unreachable')
      if (over) {
        yield `event: done\ndata: ${run.status}\n\n`
        return
      }
      const woken = await waker.wait(pauses.pingMs)
      if (!woken) yield ': ping\n\n'
      await sleep(LEAST_PAUSE_MS)
    }
  } finally {
    for (const off of leave) off()
    waker.close()
  }
}

const linesHtml = (phase: Phase, { lines }: { lines: NumberedLine[] }): string =>
  renderView('runs/_lines', { kind: phase.kind, steps: Object.groupBy(lines, (line) => line.step) })

/** Moves `at` on. null: nothing new. */
async function nextLines(
  { app }: PageContext,
  phase: Phase,
  at: Position,
  reader: LogReader,
): Promise<{ lines: NumberedLine[]; more: boolean } | null> {
  const left = phase.log_size - at.bytes
  if (left <= 0) return null
  const bytes = await readLog(app.db, phase.id, { offset: at.bytes, limit: PIECE_BYTES })
  const reachesEnd = bytes.length >= left
  // a line longer than a piece is cut there
  const isEnd = (reachesEnd && phase.log_closed) || (bytes.length === PIECE_BYTES && !bytes.includes(10))
  const { lines, taken, rows } = reader.read(bytes, isEnd)
  const shown = numbered(lines, at.lines + 1)
  at.bytes += taken
  at.step = reader.steps.present
  at.lines += rows
  return { lines: shown, more: !reachesEnd && taken > 0 }
}

/** The session and the right to read are looked at again: a stream does not outlive them. */
async function renewAccess(ctx: PageContext, run: Run): Promise<boolean> {
  const session = await sessionOf(ctx.app, ctx.koa, ctx.origin)
  if (!session) return false
  ctx.session = session
  ctx.actor = actorOfSession(session)
  ctx.access = accessOf(ctx.app, ctx.actor)
  return ctx.access.may('run:read', runScope(run))
}

function openWaker(subscribe: PageContext['app']['live']['subscribe'], topics: string[], closed: AbortSignal) {
  let isSet = false
  let wake = () => {}
  const set = () => {
    isSet = true
    wake()
  }
  const leave = topics.map((topic) => subscribe(topic, set))
  closed.addEventListener('abort', set, { once: true })
  return {
    clear() {
      isSet = false
    },
    /** true when something happened within the time */
    wait(ms: number): Promise<boolean> {
      if (isSet) return Promise.resolve(true)
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), ms)
        wake = () => {
          clearTimeout(timer)
          resolve(true)
        }
      })
    },
    close() {
      for (const unsubscribe of leave) unsubscribe()
      closed.removeEventListener('abort', set)
    },
  }
}
