/** How a run's status looks: five tones by meaning, an icon, and our word for it. Source: design of the web interface. */
export interface Badge {
  tone: 'gray' | 'blue' | 'amber' | 'green' | 'red'
  icon: string
  word: string
  spins?: true
}

const badges: Record<string, Badge> = {
  pending: { tone: 'gray', icon: 'clock', word: 'Waiting its turn' },
  fetching: { tone: 'blue', icon: 'download', word: 'Fetching configuration' },
  fetching_completed: { tone: 'blue', icon: 'download', word: 'Fetching configuration' },
  queuing: { tone: 'blue', icon: 'download', word: 'Fetching configuration' },
  plan_queued: { tone: 'blue', icon: 'hourglass', word: 'Plan queued' },
  planning: { tone: 'blue', icon: 'sync', word: 'Planning', spins: true },
  planned: { tone: 'amber', icon: 'person', word: 'Needs confirmation' },
  cost_estimated: { tone: 'amber', icon: 'person', word: 'Needs confirmation' },
  policy_checked: { tone: 'amber', icon: 'person', word: 'Needs confirmation' },
  cost_estimating: { tone: 'blue', icon: 'sync', word: 'Estimating cost', spins: true },
  policy_checking: { tone: 'blue', icon: 'sync', word: 'Checking policies', spins: true },
  policy_override: { tone: 'amber', icon: 'shield', word: 'Needs a policy decision' },
  policy_soft_failed: { tone: 'amber', icon: 'shield', word: 'Needs a policy decision' },
  post_plan_awaiting_decision: { tone: 'amber', icon: 'shield', word: 'Needs a policy decision' },
  post_plan_completed: { tone: 'amber', icon: 'person', word: 'Needs confirmation' },
  post_plan_running: { tone: 'blue', icon: 'sync', word: 'Checking the plan', spins: true },
  planned_and_saved: { tone: 'amber', icon: 'bookmark', word: 'Plan saved' },
  planned_and_finished: { tone: 'green', icon: 'check-circle', word: 'Plan finished' },
  confirmed: { tone: 'blue', icon: 'hourglass', word: 'Apply queued' },
  queuing_apply: { tone: 'blue', icon: 'hourglass', word: 'Apply queued' },
  apply_queued: { tone: 'blue', icon: 'hourglass', word: 'Apply queued' },
  applying: { tone: 'blue', icon: 'sync', word: 'Applying', spins: true },
  applied: { tone: 'green', icon: 'check-circle-fill', word: 'Applied' },
  errored: { tone: 'red', icon: 'x-circle-fill', word: 'Failed' },
  discarded: { tone: 'gray', icon: 'circle-slash', word: 'Discarded' },
  canceled: { tone: 'gray', icon: 'stop', word: 'Canceled' },
  force_canceled: { tone: 'red', icon: 'stop', word: 'Killed' },
}
const runningTasks: Badge = { tone: 'blue', icon: 'tasklist', word: 'Running tasks' }

export function badgeOf(run: {
  status: string
  plan_only?: boolean
  has_changes?: boolean
  force_canceled_at?: unknown
}): Badge {
  if (run.status === 'planned_and_finished' && run.has_changes === false)
    return { ...badges.planned_and_finished!, word: 'No changes' }
  if (run.status === 'canceled' && run.force_canceled_at) return badges.force_canceled!
  return badges[run.status] ?? runningTasks
}
