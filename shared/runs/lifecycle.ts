/**
 * The life of a run as one table: from a status, on an event, (when a condition holds), to a status. The first row
 * whose `when` holds wins; no row means that the transition is not allowed. Everything else is derived from it:
 * the flags that clients see, the buttons, what is final, the diagram in ARCHITECTURE.md.
 */
export const statuses = [
  'pending',
  'plan_queued',
  'planning',
  'planned',
  'planned_and_finished',
  'planned_and_saved',
  'confirmed',
  'apply_queued',
  'applying',
  'applied',
  'discarded',
  'errored',
  'canceled',
] as const
export type RunStatus = (typeof statuses)[number]

export const events = [
  'turn',
  'plan-taken',
  'plan-finished',
  'plan-errored',
  'plan-canceled',
  'confirm',
  'discard',
  'supersede',
  'apply-taken',
  'apply-finished',
  'apply-errored',
  'apply-canceled',
  'cancel',
  'force-cancel',
  'lost',
] as const
export type RunEvent = (typeof events)[number]

export type PhaseStatus = 'pending' | 'queued' | 'running' | 'finished' | 'errored' | 'canceled' | 'unreachable'

/** What the conditions look at. */
export interface RunFacts {
  planOnly: boolean
  savePlan: boolean
  autoApply: boolean
  allowEmptyApply: boolean
  hasChanges: boolean
  /** The stored wish to stop: set by cancel while an engine runs. */
  stopWish: 'cancel' | 'force' | null
  forceCancelAvailable: boolean
}

/** What goes with a transition, in its transaction. */
export type Effect =
  /** enqueue the plan or the apply */
  | 'send-plan'
  | 'send-apply'
  /** store the wish and tell the worker */
  | 'stop-engine'

export interface LifecycleRow {
  from: readonly RunStatus[]
  on: RunEvent
  when?: (facts: RunFacts) => boolean
  to: RunStatus
  /** Statuses passed on the way: they leave their timestamps. */
  through?: readonly RunStatus[]
  plan?: PhaseStatus
  apply?: PhaseStatus
  effect?: Effect
}

const nothingToApply = (f: RunFacts) => f.planOnly || (!f.hasChanges && !f.allowEmptyApply)

// biome-ignore format: one row, one line
export const lifecycle: readonly LifecycleRow[] = [
  { from: ['pending'],           on: 'turn',           to: 'plan_queued', plan: 'queued', effect: 'send-plan' },
  { from: ['plan_queued'],       on: 'plan-taken',     to: 'planning', plan: 'running' },
  // its first worker was lost: another takes over, the claim tells them apart
  { from: ['planning'],          on: 'plan-taken',     to: 'planning', plan: 'running' },

  { from: ['planning'],          on: 'plan-finished',  when: nothingToApply, to: 'planned_and_finished', through: ['planned'], plan: 'finished', apply: 'unreachable' },
  { from: ['planning'],          on: 'plan-finished',  when: (f) => f.savePlan, to: 'planned_and_saved', through: ['planned'], plan: 'finished' },
  { from: ['planning'],          on: 'plan-finished',  when: (f) => f.autoApply && f.stopWish === null, to: 'apply_queued', through: ['planned', 'confirmed'], plan: 'finished', apply: 'queued', effect: 'send-apply' },
  { from: ['planning'],          on: 'plan-finished',  to: 'planned', plan: 'finished' },
  { from: ['planning'],          on: 'plan-errored',   to: 'errored', plan: 'errored', apply: 'unreachable' },
  { from: ['planning'],          on: 'plan-canceled',  to: 'canceled', plan: 'canceled', apply: 'unreachable' },

  { from: ['planned', 'planned_and_saved'], on: 'confirm', to: 'apply_queued', through: ['confirmed'], apply: 'queued', effect: 'send-apply' },
  { from: ['planned', 'planned_and_saved'], on: 'discard', to: 'discarded', apply: 'unreachable' },
  { from: ['pending'],           on: 'discard',        to: 'discarded', plan: 'unreachable', apply: 'unreachable' },
  // the state it was planned from is not the current one any more
  { from: ['planned_and_saved'], on: 'supersede',      to: 'discarded', apply: 'unreachable' },

  { from: ['apply_queued'],      on: 'apply-taken',    to: 'applying', apply: 'running' },
  { from: ['applying'],          on: 'apply-finished', to: 'applied', apply: 'finished' },
  { from: ['applying'],          on: 'apply-errored',  to: 'errored', apply: 'errored' },
  { from: ['applying'],          on: 'apply-canceled', to: 'canceled', apply: 'canceled' },

  { from: ['pending'],           on: 'cancel',         to: 'canceled', plan: 'unreachable', apply: 'unreachable' },
  { from: ['plan_queued'],       on: 'cancel',         to: 'canceled', plan: 'unreachable', apply: 'unreachable' },
  { from: ['apply_queued'],      on: 'cancel',         to: 'canceled', apply: 'unreachable' },
  { from: ['planning'],          on: 'cancel',         when: (f) => f.stopWish === null, to: 'planning', effect: 'stop-engine' },
  { from: ['applying'],          on: 'cancel',         when: (f) => f.stopWish === null, to: 'applying', effect: 'stop-engine' },
  { from: ['planning'],          on: 'force-cancel',   when: (f) => f.stopWish !== null && f.forceCancelAvailable, to: 'canceled', plan: 'canceled', apply: 'unreachable', effect: 'stop-engine' },
  { from: ['applying'],          on: 'force-cancel',   when: (f) => f.stopWish !== null && f.forceCancelAvailable, to: 'canceled', apply: 'canceled', effect: 'stop-engine' },
  { from: ['planned', 'planned_and_saved'], on: 'force-cancel', when: (f) => f.stopWish !== null && f.forceCancelAvailable, to: 'canceled', apply: 'unreachable' },

  { from: ['planning', 'plan_queued'], on: 'lost',     to: 'errored', plan: 'errored', apply: 'unreachable' },
  { from: ['applying'],          on: 'lost',           to: 'errored', apply: 'errored' },
]

export const findRow = (status: RunStatus, event: RunEvent, facts: RunFacts): LifecycleRow | undefined =>
  lifecycle.find((row) => row.on === event && row.from.includes(status) && (row.when?.(facts) ?? true))

/** A status that rows lead to and none leads out of. (`confirmed` is only passed through.) */
export const isFinal = (status: RunStatus): boolean =>
  lifecycle.some((row) => row.to === status) && !lifecycle.some((row) => row.from.includes(status))

/** Statuses in which a run that takes turns holds its workspace; a saved plan holds it only from its confirmation on. */
export const holdingStatuses: readonly RunStatus[] = [
  'plan_queued',
  'planning',
  'planned',
  'confirmed',
  'apply_queued',
  'applying',
]
const savedHoldingStatuses: readonly RunStatus[] = ['confirmed', 'apply_queued', 'applying']

export const holdsWorkspace = (status: RunStatus, facts: Pick<RunFacts, 'planOnly' | 'savePlan'>): boolean =>
  !facts.planOnly && (facts.savePlan ? savedHoldingStatuses : holdingStatuses).includes(status)

/** Runs beside the workspace's queue: they change nothing, or not yet. */
export const runsBeside = (facts: Pick<RunFacts, 'planOnly' | 'savePlan'>): boolean => facts.planOnly || facts.savePlan

/** `filter[status_group]` */
export const statusGroups: Record<string, readonly RunStatus[]> = {
  non_final: statuses.filter((s) => !isFinal(s)),
  final: statuses.filter(isFinal),
  discardable: statuses.filter((s) => lifecycle.some((row) => row.on === 'discard' && row.from.includes(s))),
}
