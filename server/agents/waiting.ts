import type { Job } from 'pg-boss'
import type { App } from '../../shared/app.ts'
import { lowestApplyPriority, type PhaseJob, poolQueue } from '../../shared/queues.ts'

const POLL_MS = 1000

interface Waiter {
  appliesOnly: boolean
  answer(job: Job<PhaseJob> | null): void
}

/**
 * Agents of one pool that wait at this process for work. However many they are, the queue is asked once when something
 * may have come: when an agent begins to wait, when a run changed (NOTIFY), and every second, since a job that was
 * given back comes without a notice.
 */
class WaitingRoom {
  private readonly app: App
  private readonly queue: string
  private readonly waiters = new Set<Waiter>()
  private timer: NodeJS.Timeout | undefined
  private unsubscribe: (() => void) | undefined
  private isServing = false
  private isAskedAgain = false

  constructor(app: App, agentPoolId: string) {
    this.app = app
    this.queue = poolQueue(agentPoolId)
  }

  /** null: nothing came in time, or the agent went away. */
  wait(appliesOnly: boolean, waitMs: number, gone: AbortSignal): Promise<Job<PhaseJob> | null> {
    return new Promise((resolve) => {
      const leave = () => waiter.answer(null)
      const timer = setTimeout(leave, waitMs)
      const waiter: Waiter = {
        appliesOnly,
        answer: (job) => {
          clearTimeout(timer)
          gone.removeEventListener('abort', leave)
          this.waiters.delete(waiter)
          if (this.waiters.size === 0) this.rest()
          resolve(job)
        },
      }
      gone.addEventListener('abort', leave, { once: true })
      this.waiters.add(waiter)
      this.timer ??= setInterval(() => this.serve(), POLL_MS)
      this.unsubscribe ??= this.app.live.subscribe('runs', () => this.serve())
      this.serve()
    })
  }

  private rest(): void {
    clearInterval(this.timer)
    this.unsubscribe?.()
    this.timer = undefined
    this.unsubscribe = undefined
  }

  private serve(): void {
    this.isAskedAgain = true
    if (this.isServing) return
    this.isServing = true
    this.serveAll()
      .catch((error: Error) => this.app.log.warn({ err: error.message, queue: this.queue }, 'cannot fetch agent work'))
      .finally(() => {
        this.isServing = false
      })
  }

  private async serveAll(): Promise<void> {
    while (this.isAskedAgain && this.waiters.size > 0) {
      this.isAskedAgain = false
      const all = [...this.waiters]
      const waiter = all.find((w) => !w.appliesOnly) ?? all[0]!
      const options = waiter.appliesOnly ? { minPriority: lowestApplyPriority } : {}
      const [job] = await this.app.queue.boss.fetch<PhaseJob>(this.queue, options)
      if (!job) continue
      this.isAskedAgain = true
      // The one it was fetched for may have left meanwhile: another takes it, or its lease runs out and it comes back.
      const taker = this.waiters.has(waiter)
        ? waiter
        : [...this.waiters].find((w) => !w.appliesOnly || job.data.phase === 'apply')
      taker?.answer(job)
    }
  }
}

const rooms = new WeakMap<App, Map<string, WaitingRoom>>()

/** Waits until the pool has work for an agent. */
export function waitForWork(
  app: App,
  agentPoolId: string,
  options: { appliesOnly: boolean; waitMs: number; gone: AbortSignal },
): Promise<Job<PhaseJob> | null> {
  const ofApp = rooms.get(app) ?? new Map<string, WaitingRoom>()
  rooms.set(app, ofApp)
  const room = ofApp.get(agentPoolId) ?? new WaitingRoom(app, agentPoolId)
  ofApp.set(agentPoolId, room)
  return room.wait(options.appliesOnly, options.waitMs, options.gone)
}
