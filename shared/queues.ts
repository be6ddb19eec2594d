import type { Queue, SendOptions } from 'pg-boss'
import { z } from 'zod'

/** Priorities of phases: an apply before a plan before a speculative plan. */
export const priority = { apply: 30, plan: 20, speculative: 10 } as const

const PhaseJob = z.object({ runId: z.string(), phase: z.enum(['plan', 'apply']) })
export type PhaseJob = z.output<typeof PhaseJob>

const HOUR = 3600

/** A phase of a run that is ready to execute. One queue for this server's runners, one per agent pool. */
const phaseQueue = {
  policy: 'singleton',
  heartbeatSeconds: 10,
  expireInSeconds: 24 * HOUR - 1,
  retentionSeconds: 365 * 24 * HOUR,
  deleteAfterSeconds: HOUR,
  notify: true,
  deadLetter: 'runs-lost',
} as const satisfies Omit<Queue, 'name'>

/** Every queue: what it carries, how it is retried, which process takes from it. Adding a queue is adding a row. */
export const queues = {
  runs: { payload: PhaseJob, process: 'runner', options: phaseQueue },
  'runs-lost': {
    payload: PhaseJob,
    process: 'jobs',
    options: { policy: 'standard', notify: true, retryLimit: 20, retryDelay: 5, retentionSeconds: 365 * 24 * HOUR },
  },
  /** Tests of a module. A second delivery only says that the first worker was lost. */
  'test-runs': {
    payload: z.object({ testRunId: z.string() }),
    process: 'runner',
    options: {
      policy: 'standard',
      heartbeatSeconds: 10,
      expireInSeconds: 24 * HOUR - 1,
      retryLimit: 1,
      deleteAfterSeconds: HOUR,
      notify: true,
    },
  },
  'state-process': {
    payload: z.object({ stateVersionId: z.string() }),
    process: 'jobs',
    options: {
      policy: 'standard',
      notify: true,
      retryLimit: 5,
      retryDelay: 2,
      expireInSeconds: 600,
      deleteAfterSeconds: HOUR,
    },
  },
  'organization-delete': {
    payload: z.object({ organizationId: z.string() }),
    process: 'jobs',
    options: {
      policy: 'standard',
      notify: true,
      retryLimit: 20,
      retryDelay: 10,
      expireInSeconds: HOUR,
      deleteAfterSeconds: HOUR,
    },
  },
  sweep: {
    payload: z.object({}).catchall(z.unknown()),
    process: 'jobs',
    options: { policy: 'short', retryLimit: 0, expireInSeconds: 300, deleteAfterSeconds: HOUR },
  },
} as const satisfies Record<
  string,
  { payload: z.ZodType; process: 'runner' | 'jobs' | 'agent'; options: Omit<Queue, 'name'> }
>

export type QueueName = keyof typeof queues
export type Payload<Q extends QueueName> = z.output<(typeof queues)[Q]['payload']>

/** Plans are safe to repeat when a worker dies; an apply never is. */
export function phaseJobOptions(
  phase: 'plan' | 'apply',
  run: { id: string; workspaceId: string; planOnly: boolean; savePlan: boolean },
): SendOptions {
  // speculative and saved plans run beside the workspace's holder, so their key is their own
  const beside = phase === 'plan' && (run.planOnly || run.savePlan)
  return {
    singletonKey: beside ? run.id : run.workspaceId,
    priority: phase === 'apply' ? priority.apply : run.planOnly ? priority.speculative : priority.plan,
    retryLimit: phase === 'apply' ? 0 : 3,
  }
}

export const poolQueue = (agentPoolId: string): string => `runs.pool.${agentPoolId}`
export const poolQueueOptions = phaseQueue
