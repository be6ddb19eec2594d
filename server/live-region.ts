import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { accessOf } from './middleware/actor.ts'
import { actorOfSession, sessionOf } from './middleware/session.ts'
import type { PageContext } from './page-route.ts'

export interface LiveRegion {
  /** Topics of shared/live.ts that say that something may have changed. */
  topics: readonly string[]
  /** Whether the caller may still look; asked again from time to time. */
  mayLook(): Promise<boolean>
  /** The `hx-partial` elements. What is equal to what was sent last is not sent again. */
  draw(): Promise<string>
}

const LEAST_PAUSE_MS = 1000
const LOOK_MS = 15_000

/** Answers with an event stream that draws a region of the page again whenever it changed. */
export function streamRegion(ctx: PageContext, region: LiveRegion): void {
  const { koa } = ctx
  const closed = new AbortController()
  koa.req.once('close', () => closed.abort())
  koa.res.once('close', () => closed.abort())
  koa.set({ 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' })
  koa.type = 'text/event-stream'
  koa.body = Readable.from(events(ctx, region, closed.signal), { objectMode: false, highWaterMark: 16_384 })
}

async function* events(ctx: PageContext, region: LiveRegion, closed: AbortSignal): AsyncGenerator<string> {
  let isSet = false
  let wake = () => {}
  const set = () => {
    isSet = true
    wake()
  }
  const leave = [...region.topics, 'access', 'reconnected'].map((topic) => ctx.app.live.subscribe(topic, set))
  closed.addEventListener('abort', set, { once: true })
  let shown = ''
  try {
    yield 'retry: 2000\n\n'
    while (!closed.aborted) {
      isSet = false
      if (!(await renewAccess(ctx, region))) {
        yield 'event: done\ndata: gone\n\n'
        return
      }
      const html = await region.draw()
      // the exact times in it do not change by themselves, those in words do
      if (html !== shown) {
        shown = html
        yield `${html
          .split('\n')
          .map((line) => `data: ${line}`)
          .join('\n')}\n\n`
      } else yield ': ping\n\n'
      await sleep(LEAST_PAUSE_MS)
      if (isSet || closed.aborted) continue
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  } finally {
    for (const unsubscribe of leave) unsubscribe()
    closed.removeEventListener('abort', set)
  }
}

/** The session and the right to look are asked for again: a stream does not outlive them. */
async function renewAccess(ctx: PageContext, region: LiveRegion): Promise<boolean> {
  const session = await sessionOf(ctx.app, ctx.koa, ctx.origin)
  if (!session) return false
  ctx.session = session
  ctx.actor = actorOfSession(session)
  ctx.access = accessOf(ctx.app, ctx.actor)
  return region.mayLook()
}
