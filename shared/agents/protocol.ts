import { z } from 'zod'
import type { PhaseResult, PhaseWork, PlanArtifact } from '../phase.ts'
import type { LeftAnswer } from '../states/recover.ts'

/**
 * What a remote agent and the server say to each other under /api/agent/v1: JSON, and raw streams for files and logs.
 * The bearer token is the pool's. A phase is taken in two steps, so that an answer lost on the way loses no apply:
 * `take` offers a job, `start` (which may be repeated) takes its phase and gives a credential for this one claim.
 *
 * Status of a refused request: 401 the token is not valid; 404 foreign or unknown; 410 the claim is lost.
 */
export const BASE = '/api/agent/v1'

/** Carries the offer or the credential of a phase. */
export const CREDENTIAL_HEADER = 'tofutf-phase'

/** An agent says so often that it lives. */
export const PING_MS = 10_000

/** Longest that `take` waits for work. */
export const TAKE_WAIT_SECONDS = 25

/** Largest piece of a log in one request. */
export const LOG_CHUNK_BYTES = 1024 * 1024

export const PLAN_ARTIFACT_LIMIT = 2 * 1024 * 1024 * 1024

export const planArtifacts = [
  'plan-file',
  'lock-file',
  'plan-json',
  'plan-json-redacted',
] as const satisfies readonly PlanArtifact[]

const Engines = z.array(z.object({ name: z.string().max(40), version: z.string().max(80) })).max(200)

export const Registration = z.object({
  name: z.string().max(200),
  version: z.string().max(80),
  engines: Engines,
  labels: z
    .record(z.string().max(100), z.string().max(200))
    .refine((labels) => Object.keys(labels).length <= 50, 'has more than 50 entries'),
  concurrency: z.number().int().min(1).max(1000),
})
export type Registration = z.output<typeof Registration>

export const TakeRequest = z.object({
  waitSeconds: z.number().int().min(0).max(TAKE_WAIT_SECONDS).default(TAKE_WAIT_SECONDS),
  /** A slot kept for applies: they never wait for a plan to end. */
  appliesOnly: z.boolean().default(false),
})

export const ExitRequest = z.object({ status: z.enum(['exited', 'errored']) })

/** Answer of `take`; 204 when no work came. */
export interface Offer {
  offer: string
  runId: string
  phase: 'plan' | 'apply'
}

/** Answer of `start`. Holds secrets in clear. */
export interface StartedPhase {
  work: PhaseWork
  credential: string
  /** Without a heartbeat for so long the phase goes to somebody else. */
  leaseMs: number
  heartbeatMs: number
  /** Where the next byte of the log goes. */
  logOffset: number
}

export interface HeartbeatAnswer {
  stop: 'cancel' | 'force' | null
}

const Counts = z.object({
  additions: z.number().int().min(0),
  changes: z.number().int().min(0),
  destructions: z.number().int().min(0),
  imports: z.number().int().min(0),
})

export const FinishRequest = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('finished'),
    hasChanges: z.boolean(),
    counts: Counts,
    generatedConfiguration: z.boolean(),
  }),
  z.object({ outcome: z.literal('errored'), reason: z.string().max(10_000), counts: Counts.optional() }),
  z.object({ outcome: z.literal('canceled'), counts: Counts.optional() }),
])

/** zod says `counts: X | undefined`, the phase's type `counts?: X`. */
export function phaseResult(request: z.output<typeof FinishRequest>): PhaseResult {
  if (request.outcome === 'finished') return request
  const { counts, ...rest } = request
  return counts ? { ...rest, counts } : rest
}

const md5 = z.string().regex(/^[0-9a-f]{32}$/)

/** The state of an apply that was lost, as it lies on the agent's disk. The bytes go with a PUT. */
export const LeftStateQuery = z.object({
  runId: z.string().max(80),
  workspaceId: z.string().max(80),
  serial: z.coerce.number().int().min(0),
  lineage: z.string().max(200),
  md5,
})

/** Without a state: has the run ended? */
export const LeftStateRequest = LeftStateQuery.partial({ workspaceId: true, serial: true, lineage: true, md5: true })

export interface LeftStateAnswer {
  answer: LeftAnswer
}

export const StateQuery = z.object({
  serial: z.coerce.number().int().min(0),
  lineage: z.string().max(200),
  md5,
  size: z.coerce.number().int().min(0),
  intermediate: z.enum(['true', 'false']).transform((text) => text === 'true'),
})
