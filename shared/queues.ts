import type { Queue, SendOptions } from 'pg-boss'
import { z } from 'zod'

/** An apply goes before a plan before a speculative plan, whatever their ranks. Stored as the index in phases.band. */
export const bands = ['apply', 'plan', 'speculative'] as const
export type Band = (typeof bands)[number]

const firstOfBand: Record<Band, number> = { apply: 3_000_000, plan: 2_000_000, speculative: 1_000_000 }

/** Phases of a band with this rank and later ones are taken in the order of their age. */
export const LAST_RANK = 999_999

/** pg-boss takes the highest priority first; rank 0 is the first turn of a band. */
export const priorityOf = (band: Band, rank: number): number => firstOfBand[band] - Math.min(rank, LAST_RANK)

/** Every apply has at least this priority, and no plan has. */
export const lowestApplyPriority = priorityOf('apply', LAST_RANK)

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
  /** Plans that are too large to become rows where they arrive. */
  'plan-rows': {
    payload: z.object({ planId: z.string() }),
    process: 'jobs',
    options: {
      policy: 'standard',
      notify: true,
      retryLimit: 3,
      retryDelay: 2,
      expireInSeconds: 600,
      deleteAfterSeconds: HOUR,
    },
  },
  'plan-export': {
    payload: z.object({ planExportId: z.string() }),
    process: 'jobs',
    options: {
      policy: 'standard',
      notify: true,
      retryLimit: 3,
      retryDelay: 2,
      expireInSeconds: 300,
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
  notify: {
    payload: z.object({ deliveryId: z.string() }),
    process: 'jobs',
    options: {
      policy: 'standard',
      notify: true,
      retryLimit: 5,
      retryDelay: 5,
      retryBackoff: true,
      expireInSeconds: 60,
      deleteAfterSeconds: HOUR,
    },
  },
  'run-task': {
    payload: z.object({ taskResultId: z.string() }),
    process: 'jobs',
    options: {
      policy: 'standard',
      notify: true,
      retryLimit: 3,
      retryDelay: 2,
      retryBackoff: true,
      expireInSeconds: 60,
      deleteAfterSeconds: HOUR,
    },
  },
  'run-task-timeout': {
    payload: z.object({ taskResultId: z.string() }),
    process: 'jobs',
    options: { policy: 'standard', retryLimit: 20, retryDelay: 5, expireInSeconds: 60, deleteAfterSeconds: HOUR },
  },
  'policy-evaluation': {
    payload: z.object({ policyEvaluationId: z.string() }),
    process: 'jobs',
    options: {
      policy: 'standard',
      notify: true,
      retryLimit: 3,
      retryDelay: 5,
      expireInSeconds: 600,
      deleteAfterSeconds: HOUR,
    },
  },
  'engine-releases': {
    payload: z.object({}).catchall(z.unknown()),
    process: 'jobs',
    options: { policy: 'short', retryLimit: 0, expireInSeconds: 60, deleteAfterSeconds: HOUR },
  },
  /** One of the sweeps of worker/background/sweep.ts; without a name all of them. */
  sweep: {
    payload: z.object({ name: z.string().optional() }),
    process: 'jobs',
    options: { policy: 'short', notify: true, retryLimit: 0, expireInSeconds: 300, deleteAfterSeconds: HOUR },
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
  return { singletonKey: beside ? run.id : run.workspaceId, retryLimit: phase === 'apply' ? 0 : 3 }
}

export const bandOf = (phase: 'plan' | 'apply', run: { planOnly: boolean }): Band =>
  phase === 'apply' ? 'apply' : run.planOnly ? 'speculative' : 'plan'

export const poolQueue = (agentPoolId: string): string => `runs.pool.${agentPoolId}`
export const poolQueueOptions = phaseQueue
