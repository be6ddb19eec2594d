import type { Comment } from '../../shared/runs/discussion.ts'
import { isFinal } from '../../shared/runs/lifecycle.ts'
import type { Phase, Run } from '../../shared/runs/queries.ts'
import { counted, duration } from '../words.ts'
import type { Check } from './checks.ts'

/** One step of a run's history: what, how long or when, and one line of why. */
export interface Step {
  icon: string
  tone: 'gray' | 'blue' | 'amber' | 'green' | 'red'
  what: string
  href?: string
  /** When it happened. */
  at?: Date
  /** How long it took. */
  took?: string
  why?: string
  place: 'past' | 'now' | 'later'
}

export interface TimelineFacts {
  run: Run
  plan: Phase
  apply: Phase
  comments: readonly Comment[]
  checks: readonly Check[]
  /** user id → name */
  names: ReadonlyMap<string, string>
  now: Date
  /** Why it waits, when it does. */
  waitingFor: string | null
}

const sources: Record<string, string> = {
  'tfe-api': 'through the API or CLI',
  'tfe-ui': 'in the browser',
  'tfe-configuration-version': 'by an upload',
}

const changesOf = (phase: Phase): string => {
  const parts = [
    phase.additions && `${phase.additions} to add`,
    phase.changes && `${phase.changes} to change`,
    phase.destructions && `${phase.destructions} to destroy`,
    phase.imports && `${phase.imports} to import`,
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(', ') : phase.has_changes ? 'Outputs change' : 'No changes'
}

const ends: Record<string, Pick<Step, 'icon' | 'tone'> & { word: string }> = {
  finished: { icon: 'check-circle-fill', tone: 'green', word: '' },
  errored: { icon: 'x-circle-fill', tone: 'red', word: ' failed' },
  canceled: { icon: 'stop', tone: 'gray', word: ' canceled' },
}

export function timelineOf(facts: TimelineFacts): Step[] {
  const { run, plan, apply, names, now } = facts
  const name = (id: string | null): string => (id && names.get(id)) || 'somebody'
  const stamp = (key: string): Date | undefined => {
    const text = run.status_timestamps[key]
    return text ? new Date(text) : undefined
  }
  const steps: Step[] = []
  const by = run.created_by
    ? `By ${name(run.created_by)} ${sources[run.source] ?? ''}`.trim()
    : `Started ${sources[run.source] ?? 'by the server'}`
  steps.push({ icon: 'git-commit', tone: 'gray', what: 'Created', at: run.created_at, why: by, place: 'past' })

  const queued = stamp('plan-queued-at')
  if (run.status === 'pending')
    steps.push({
      icon: 'clock',
      tone: 'amber',
      what: 'Waits its turn',
      took: duration(now.getTime() - run.created_at.getTime()),
      why: facts.waitingFor ?? 'The workspace is busy.',
      place: 'now',
    })
  else if (queued && queued.getTime() - run.created_at.getTime() >= 1000)
    steps.push({
      icon: 'hourglass',
      tone: 'gray',
      what: 'Waited',
      took: duration(queued.getTime() - run.created_at.getTime()),
      place: 'past',
    })

  steps.push(...phaseSteps('Plan', plan, run.status === 'plan_queued' ? facts.waitingFor : null, now))
  steps.push(...decisionSteps(facts, name, stamp))
  if (run.status !== 'planned' || !run.plan_only)
    steps.push(...phaseSteps('Apply', apply, run.status === 'apply_queued' ? facts.waitingFor : null, now))

  steps.push(...facts.checks.flatMap(checkSteps))

  for (const comment of facts.comments)
    steps.push({
      icon: 'comment',
      tone: 'gray',
      what: `${name(comment.created_by)} wrote`,
      at: comment.created_at,
      why: comment.body.slice(0, 500),
      place: 'past',
    })
  if (run.status === 'discarded')
    steps.push({
      icon: 'circle-slash',
      tone: 'gray',
      what: 'Discarded',
      at: stamp('discarded-at') ?? run.updated_at,
      why: run.error_reason ?? 'Nothing was applied.',
      place: 'past',
    })
  if (run.stop_wish && !isFinal(run.status))
    steps.push({
      icon: 'stop',
      tone: 'amber',
      what: 'Stopping',
      at: run.canceled_at ?? run.updated_at,
      why: `${run.canceled_by ? `${name(run.canceled_by)} canceled it.` : (run.error_reason ?? '')} The engine is finishing what it began.`,
      place: 'now',
    })
  if (run.status === 'canceled')
    steps.push({
      icon: 'stop',
      tone: run.force_canceled_at ? 'red' : 'gray',
      what: run.force_canceled_at ? 'Killed' : 'Canceled',
      at: stamp('canceled-at') ?? run.updated_at,
      why: run.canceled_by ? `By ${name(run.canceled_by)}` : (run.error_reason ?? 'By the server'),
      place: 'past',
    })
  return inOrder(steps)
}

function phaseSteps(word: 'Plan' | 'Apply', phase: Phase, queuedFor: string | null, now: Date): Step[] {
  const href = `#${phase.kind}-log`
  const ran = (end: Date) => duration(end.getTime() - (phase.started_at ?? end).getTime())
  if (phase.status === 'running')
    return [
      {
        icon: 'sync',
        tone: 'blue',
        what: word === 'Plan' ? 'Planning' : 'Applying',
        href,
        took: ran(now),
        place: 'now',
      },
    ]
  if (queuedFor) return [{ icon: 'hourglass', tone: 'blue', what: `${word} queued`, why: queuedFor, place: 'now' }]
  const end = ends[phase.status]
  if (end && phase.started_at && phase.finished_at) {
    const what = end.word ? word + end.word : word === 'Plan' ? 'Planned' : 'Applied'
    const why = phase.status === 'finished' ? changesOf(phase) : ''
    return [
      {
        icon: end.icon,
        tone: end.tone,
        what,
        href,
        at: phase.finished_at,
        took: ran(phase.finished_at),
        place: 'past',
        ...(why && { why }),
      },
    ]
  }
  if (phase.status === 'pending' || phase.status === 'queued')
    return [{ icon: 'circle', tone: 'gray', what: word, place: 'later' }]
  return []
}

/** A stage that is not reached yet says nothing: its plan or apply is shown as the one to come. */
function checkSteps(check: Check): Step[] {
  const { tone, icon, word, spins } = check.mark
  if (!check.at && !spins) return []
  const names = [...check.tasks.map((t) => t.name), ...check.evaluations.map((e) => `policies (${e.tool})`)]
  return [
    {
      icon,
      tone,
      what: `Checks ${check.name.toLowerCase()}`,
      href: `#${check.id}`,
      why: `${word}: ${names.join(', ').slice(0, 200)}`,
      place: check.at ? 'past' : 'now',
      ...(check.at && { at: check.at }),
    },
  ]
}

function decisionSteps(
  facts: TimelineFacts,
  name: (id: string | null) => string,
  stamp: (key: string) => Date | undefined,
): Step[] {
  const { run, now } = facts
  const planned = stamp('planned-at')
  const isSaved = run.status === 'planned_and_saved'
  if (isSaved || ['planned', 'post_plan_completed', 'post_plan_awaiting_decision'].includes(run.status)) {
    const since = stamp('post-plan-completed-at') ?? planned ?? run.updated_at
    const what = isSaved ? 'Plan saved' : 'Waits for a person'
    return [
      {
        icon: isSaved ? 'bookmark' : 'person',
        tone: 'amber',
        what,
        href: '#decide',
        took: duration(now.getTime() - since.getTime()),
        place: 'now',
      },
    ]
  }
  const confirmed = stamp('confirmed-at')
  if (!confirmed) return []
  const why = run.confirmed_by ? `By ${name(run.confirmed_by)}` : run.auto_apply ? 'By itself: auto-apply is on' : ''
  return [{ icon: 'check', tone: 'green', what: 'Confirmed', at: confirmed, place: 'past', ...(why && { why }) }]
}

/** Past by time, then now, then later. */
function inOrder(steps: Step[]): Step[] {
  const rank = { past: 0, now: 1, later: 2 }
  return steps
    .map((step, i) => ({ step, i }))
    .sort(
      (a, b) =>
        rank[a.step.place] - rank[b.step.place] ||
        (a.step.at?.getTime() ?? 0) - (b.step.at?.getTime() ?? 0) ||
        a.i - b.i,
    )
    .map(({ step }) => step)
}

/** Changes in words, for the decision: what is lost first. */
export function decisionOf(plan: Phase): { lost: string; rest: string } {
  const lost = plan.destructions > 0 ? counted(plan.destructions, 'object is destroyed', 'objects are destroyed') : ''
  const rest = [
    plan.changes && `${plan.changes} changed`,
    plan.additions && `${plan.additions} created`,
    plan.imports && `${plan.imports} imported`,
  ].filter(Boolean)
  return {
    lost,
    rest: rest.length > 0 ? rest.join(', ') : plan.destructions === 0 ? 'only outputs or the state change' : '',
  }
}
