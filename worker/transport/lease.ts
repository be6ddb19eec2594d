import type { HeartbeatAnswer, StartedPhase } from '../../shared/agents/protocol.ts'
import type { Logger } from '../../shared/log.ts'
import { ClaimLost } from '../../shared/phase.ts'
import { type AgentClient, backOffMs, type Call, Refused, Unreachable } from './agent-client.ts'

export type Wish = 'cancel' | 'force' | 'lost'

/**
 * The time a phase is ours without hearing from the server. Heartbeats prolong it and bring the wish to stop; once it
 * is over the server may have given the phase to somebody else, so the engine must stop. A server that says that its
 * database is away was heard: nobody can give the phase away then.
 */
export class Lease {
  readonly #client: AgentClient
  readonly #started: StartedPhase
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #listeners: ((wish: Wish) => void)[] = []
  readonly #told = new Set<Wish>()
  readonly #beat: NodeJS.Timeout
  readonly #watch: NodeJS.Timeout
  #provenAt: number
  #isBeating = false

  /** @param provenAt when the request that took the phase was sent (performance.now) */
  constructor(client: AgentClient, started: StartedPhase, provenAt: number, log: Logger) {
    this.#client = client
    this.#started = started
    this.#provenAt = provenAt
    this.#log = log
    this.#beat = setInterval(() => void this.#heartbeat(), started.heartbeatMs)
    this.#watch = setInterval(() => this.isOver && this.tell('lost'), 250)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  get isOver(): boolean {
    return this.#told.has('lost') || performance.now() - this.#provenAt > this.#started.leaseMs
  }

  tell(wish: Wish): void {
    if (this.#told.has(wish) || this.#told.has('lost')) return
    this.#told.add(wish)
    if (!this.#stop.signal.aborted) this.#stop.abort(wish)
    for (const listener of this.#listeners) listener(wish)
  }

  listen(listener: (wish: Wish) => void): void {
    this.#listeners.push(listener)
    for (const wish of this.#told) listener(wish)
  }

  /** Repeats the call while the server is not reached and the lease lives. @throws ClaimLost, Refused */
  async persist<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      if (this.isOver) {
        this.tell('lost')
        throw new ClaimLost()
      }
      try {
        return await call()
      } catch (error) {
        if (isLoss(error)) {
          this.tell('lost')
          throw new ClaimLost()
        }
        if (!(error instanceof Unreachable)) throw error
        this.#log.warn({ err: error.message, attempt }, 'agent: a request will be repeated')
        await new Promise((resolve) => setTimeout(resolve, backOffMs(attempt)))
      }
    }
  }

  /** A call about this phase. */
  call(method: Call['method'], path: string, more: Partial<Call> = {}): Call {
    const { work, credential } = this.#started
    return { method, path: `/phases/${work.phaseId}${path}`, credential, ...more }
  }

  release(): void {
    clearInterval(this.#beat)
    clearInterval(this.#watch)
  }

  async #heartbeat(): Promise<void> {
    if (this.#isBeating) return
    this.#isBeating = true
    const sentAt = performance.now()
    try {
      const answer = await this.#client.json<HeartbeatAnswer>(this.call('POST', '/heartbeat', { timeoutMs: 4000 }))
      this.#provenAt = sentAt
      if (answer?.stop) this.tell(answer.stop)
    } catch (error) {
      if (error instanceof Unreachable && error.isDatabaseAway) this.#provenAt = sentAt
      if (isLoss(error)) this.tell('lost')
      else this.#log.warn({ err: (error as Error).message }, 'agent: a heartbeat failed')
    } finally {
      this.#isBeating = false
    }
  }
}

/** The claim is lost, the phase unknown, or the token revoked. */
const isLoss = (error: unknown): boolean => error instanceof Refused && [401, 403, 404, 410].includes(error.status)
