/** The parts of a phase's log: what prepares, what reads the present objects, and the plan or apply itself. */
export const logSteps = ['init', 'refresh', 'main'] as const
export type LogStep = (typeof logSteps)[number]

const begins = /^((Terraform|OpenTofu) v\d|Initializing |Upgrading )/
const ready = /has been successfully initialized!/
const reads = /: (Refreshing state\.\.\.|Reading\.\.\.|Read complete after |Still reading\.\.\.)/
const fails = /^\s*(╷|[│|]?\s*Error: )/
const readMessages = new Set(['refresh_start', 'refresh_complete', 'refresh_errored'])
/** They may come at any time. */
const besides = new Set(['init_output', 'log'])

/** Tells for one line after the other which step it belongs to; a step that is over does not come back. */
export class StepFinder {
  private step: LogStep | null
  private isReady = false

  /** Without a step the lines begin with the log. */
  constructor(step?: LogStep) {
    this.step = step ?? null
  }

  /** null: nothing was read that tells, or init is over and nothing came after it. */
  get present(): LogStep | null {
    return this.step === 'init' && this.isReady ? null : this.step
  }

  ofText(text: string): LogStep {
    this.step ??= text.trim() === '' ? null : begins.test(text) ? 'init' : reads.test(text) ? 'refresh' : 'main'
    if (this.step === null) return 'main'
    if (this.step === 'main') return 'main'
    if (fails.test(text)) this.step = 'main'
    else if (reads.test(text)) this.step = 'refresh'
    else if (this.step === 'init' && ready.test(text)) this.isReady = true
    else if ((this.isReady || this.step === 'refresh') && text.trim() !== '') this.step = 'main'
    return this.step
  }

  /** Of a line of the engines' JSON UI stream. */
  ofMessage(type: string): LogStep {
    if (this.step === 'main') return 'main'
    if (type === 'version') this.step ??= 'init'
    else if (readMessages.has(type)) this.step = 'refresh'
    else if (this.step === null || !besides.has(type)) this.step = 'main'
    return this.step
  }
}
