import type { Stage } from './stages.ts'

/**
 * The life of a run as one table: from a status, on an event, (when a condition holds), to a status. The first row
 * whose `when` holds wins; no row means that the transition is not allowed. Everything else is derived from it:
 * the flags that clients see, the buttons, what is final, the diagram in ARCHITECTURE.md.
 */
export const statuses = [
  'pending',
  'pre_plan_running',
  'pre_plan_completed',
  'plan_queued',
  'planning',
  'planned',
  'post_plan_running',
  'post_plan_awaiting_decision',
  'post_plan_completed',
  'planned_and_finished',
  'planned_and_saved',
  'confirmed',
  'pre_apply_running',
  'pre_apply_completed',
  'apply_queued',
  'applying',
  'post_apply_running',
  'post_apply_completed',
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
  /** everything of a stage has answered: well, badly, or so that somebody may decide */
  'stage-passed',
  'stage-failed',
  'stage-held',
  'override',
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
  /** The stages with run tasks or policies, as they were when the run was made. */
  stages: readonly Stage[]
}

/** What goes with a transition, in its transaction. */
export type Effect =
  /** enqueue the plan or the apply */
  | 'send-plan'
  | 'send-apply'
  /** ask the run tasks and policies of the stage that `to` names */
  | 'start-stage'
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

const noChanges = (f: RunFacts) => !f.hasChanges && !f.allowEmptyApply
const appliesAlone = (f: RunFacts) => f.autoApply && f.stopWish === null
const has = (stage: Stage) => (f: RunFacts) => f.stages.includes(stage)

const confirmable = ['planned', 'planned_and_saved', 'post_plan_completed'] as const

// biome-ignore format: one row, one line
export const lifecycle: readonly LifecycleRow[] = [
  { from: ['pending'],           on: 'turn',           when: has('pre_plan'), to: 'pre_plan_running', effect: 'start-stage' },
  { from: ['pending'],           on: 'turn',           to: 'plan_queued', plan: 'queued', effect: 'send-plan' },
  { from: ['pre_plan_running'],  on: 'stage-passed',   to: 'plan_queued', through: ['pre_plan_completed'], plan: 'queued', effect: 'send-plan' },
  { from: ['pre_plan_running'],  on: 'stage-failed',   to: 'errored', plan: 'unreachable', apply: 'unreachable' },
  { from: ['plan_queued'],       on: 'plan-taken',     to: 'planning', plan: 'running' },
  // its first worker was lost: another takes over, the claim tells them apart
  { from: ['planning'],          on: 'plan-taken',     to: 'planning', plan: 'running' },

  { from: ['planning'],          on: 'plan-finished',  when: noChanges, to: 'planned_and_finished', through: ['planned'], plan: 'finished', apply: 'unreachable' },
  { from: ['planning'],          on: 'plan-finished',  when: has('post_plan'), to: 'post_plan_running', through: ['planned'], plan: 'finished', effect: 'start-stage' },
  { from: ['planning'],          on: 'plan-finished',  when: (f) => f.planOnly, to: 'planned_and_finished', through: ['planned'], plan: 'finished', apply: 'unreachable' },
  { from: ['planning'],          on: 'plan-finished',  when: (f) => f.savePlan, to: 'planned_and_saved', through: ['planned'], plan: 'finished' },
  { from: ['planning'],          on: 'plan-finished',  when: (f) => appliesAlone(f) && has('pre_apply')(f), to: 'pre_apply_running', through: ['planned', 'confirmed'], plan: 'finished', effect: 'start-stage' },
  { from: ['planning'],          on: 'plan-finished',  when: appliesAlone, to: 'apply_queued', through: ['planned', 'confirmed'], plan: 'finished', apply: 'queued', effect: 'send-apply' },
  { from: ['planning'],          on: 'plan-finished',  to: 'planned', plan: 'finished' },
  { from: ['planning'],          on: 'plan-errored',   to: 'errored', plan: 'errored', apply: 'unreachable' },
  { from: ['planning'],          on: 'plan-canceled',  to: 'canceled', plan: 'canceled', apply: 'unreachable' },

  { from: ['post_plan_running'], on: 'stage-failed',   to: 'errored', apply: 'unreachable' },
  // nobody waits for a plan that is never applied
  { from: ['post_plan_running'], on: 'stage-held',     when: (f) => f.planOnly, to: 'errored', apply: 'unreachable' },
  { from: ['post_plan_running'], on: 'stage-held',     to: 'post_plan_awaiting_decision' },
  ...(['stage-passed', 'override'] as const).flatMap((on): LifecycleRow[] => {
    const from = [on === 'override' ? 'post_plan_awaiting_decision' : 'post_plan_running'] as const
    return [
      { from, on, when: (f) => f.planOnly, to: 'planned_and_finished', through: ['post_plan_completed'], apply: 'unreachable' },
      { from, on, when: (f) => f.savePlan, to: 'planned_and_saved', through: ['post_plan_completed'] },
      { from, on, when: (f) => appliesAlone(f) && has('pre_apply')(f), to: 'pre_apply_running', through: ['post_plan_completed', 'confirmed'], effect: 'start-stage' },
      { from, on, when: appliesAlone, to: 'apply_queued', through: ['post_plan_completed', 'confirmed'], apply: 'queued', effect: 'send-apply' },
      { from, on, to: 'post_plan_completed' },
    ]
  }),

  { from: confirmable,           on: 'confirm',        when: has('pre_apply'), to: 'pre_apply_running', through: ['confirmed'], effect: 'start-stage' },
  { from: ['pre_apply_running'], on: 'stage-passed',   to: 'apply_queued', through: ['pre_apply_completed'], apply: 'queued', effect: 'send-apply' },
  { from: ['pre_apply_running'], on: 'stage-failed',   to: 'errored', apply: 'unreachable' },
  { from: confirmable,           on: 'confirm', to: 'apply_queued', through: ['confirmed'], apply: 'queued', effect: 'send-apply' },
  { from: [...confirmable, 'post_plan_awaiting_decision'], on: 'discard', to: 'discarded', apply: 'unreachable' },
  { from: ['pending'],           on: 'discard',        to: 'discarded', plan: 'unreachable', apply: 'unreachable' },
  // the state it was planned from is not the current one any more
  { from: ['planned_and_saved'], on: 'supersede',      to: 'discarded', apply: 'unreachable' },

  { from: ['apply_queued'],      on: 'apply-taken',    to: 'applying', apply: 'running' },
  { from: ['applying'],          on: 'apply-finished', when: has('post_apply'), to: 'post_apply_running', apply: 'finished', effect: 'start-stage' },
  // what is applied is applied, whatever is said of it afterwards
  { from: ['post_apply_running'], on: 'stage-passed',  to: 'applied', through: ['post_apply_completed'] },
  { from: ['post_apply_running'], on: 'stage-failed',  to: 'applied', through: ['post_apply_completed'] },
  { from: ['applying'],          on: 'apply-finished', to: 'applied', apply: 'finished' },
  { from: ['applying'],          on: 'apply-errored',  to: 'errored', apply: 'errored' },
  { from: ['applying'],          on: 'apply-canceled', to: 'canceled', apply: 'canceled' },

  { from: ['pending'],           on: 'cancel',         to: 'canceled', plan: 'unreachable', apply: 'unreachable' },
  { from: ['pre_plan_running'],  on: 'cancel',         to: 'canceled', plan: 'unreachable', apply: 'unreachable' },
  { from: ['post_plan_running', 'pre_apply_running'], on: 'cancel', to: 'canceled', apply: 'unreachable' },
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
  'pre_plan_running',
  'plan_queued',
  'planning',
  'planned',
  'post_plan_running',
  'post_plan_awaiting_decision',
  'post_plan_completed',
  'confirmed',
  'pre_apply_running',
  'apply_queued',
  'applying',
  'post_apply_running',
]
const savedHoldingStatuses: readonly RunStatus[] = [
  'confirmed',
  'pre_apply_running',
  'apply_queued',
  'applying',
  'post_apply_running',
]

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
