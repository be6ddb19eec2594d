import type { RunStatus } from '../runs/lifecycle.ts'

/** What a configuration may ask to be told of. Source: go-tfe notification_configuration.go. */
export const workspaceTriggers = [
  'run:created',
  'run:planning',
  'run:needs_attention',
  'run:applying',
  'run:completed',
  'run:errored',
  'assessment:drifted',
  'assessment:check_failure',
  'assessment:failed',
  'workspace:auto_destroy_reminder',
  'workspace:auto_destroy_run_results',
] as const
export const teamTriggers = ['change_request:created'] as const

export type Trigger = (typeof workspaceTriggers)[number] | (typeof teamTriggers)[number]

/** The trigger that a run's new status is, and the sentence that goes with it. Statuses without one tell nobody. */
export const runTriggers: Partial<Record<RunStatus, { trigger: Trigger; message: string }>> = {
  pending: { trigger: 'run:created', message: 'Run Created' },
  planning: { trigger: 'run:planning', message: 'Run Planning' },
  planned: { trigger: 'run:needs_attention', message: 'Run Needs Attention' },
  post_plan_awaiting_decision: { trigger: 'run:needs_attention', message: 'Run Needs a Decision' },
  post_plan_completed: { trigger: 'run:needs_attention', message: 'Run Needs Attention' },
  planned_and_saved: { trigger: 'run:needs_attention', message: 'Run Planned and Saved' },
  applying: { trigger: 'run:applying', message: 'Run Applying' },
  applied: { trigger: 'run:completed', message: 'Run Applied' },
  planned_and_finished: { trigger: 'run:completed', message: 'Run Planned and Finished' },
  errored: { trigger: 'run:errored', message: 'Run Errored' },
  canceled: { trigger: 'run:errored', message: 'Run Canceled' },
}
