import type { Readable } from 'node:stream'

/**
 * What a worker or an agent needs to execute one phase of a run, and what it reports back.
 * The same executor runs over two transports: the database (runner) and HTTPS (agent).
 * Holds secrets in clear: never log it, never put it into a job payload.
 */
export interface PhaseWork {
  phase: 'plan' | 'apply'
  runId: string
  /** `plan-…` or `apply-…`: the id that names the log. */
  phaseId: string
  organization: { name: string }
  project: { id: string; name: string }
  workspace: { id: string; name: string /** relative, '' = root of the archive */; workingDirectory: string }
  engine: {
    name: 'terraform' | 'tofu'
    /** exact x.y.z */
    version: string
    /** Archives that site admins named for this version, by platform; the publisher's when absent. */
    archives?: { os: string; arch: string; url: string; sha: string }[]
  }
  /** true: the log is the engine's JSON UI stream; false: plain text with ANSI colours. */
  structuredOutput: boolean
  options: {
    isDestroy: boolean
    refresh: boolean
    refreshOnly: boolean
    planOnly: boolean
    allowConfigGeneration: boolean
    targetAddrs: string[]
    replaceAddrs: string[]
    /** `-invoke` of engines that know it (terraform 1.14) */
    invokeActionAddrs: string[]
  }
  /** The effective variables in the order of precedence already resolved: one entry per key and category. */
  variables: PhaseVariable[]
  /** Address and token for the engine's own calls to this server (remote state, registry). */
  server: { hostname: string; token: string } | null
  /** The private key with which modules are fetched from Git; null when the workspace has none. */
  sshKey: string | null
  /** Workload identity tokens that the variables ask for, by name: shared/identity/asked.ts. */
  identityTokens: Record<string, string>
  /** null when the workspace has no state yet. */
  state: { serial: number; lineage: string; sizeBytes: number } | null
}

export interface PhaseVariable {
  key: string
  value: string
  category: 'terraform' | 'env'
  /** true: `value` is an HCL expression; false: a literal string, byte-exact, never interpolated. */
  hcl: boolean
  sensitive: boolean
}

/** Counted from the engine's own data (plan JSON, JSON UI stream), never from log text. */
export interface ChangeCounts {
  additions: number
  changes: number
  destructions: number
  imports: number
}

export type PhaseResult =
  | {
      outcome: 'finished'
      /** Plan: whether there is something to apply (resources, outputs, or drift to record with refresh-only). Apply: true. */
      hasChanges: boolean
      counts: ChangeCounts
      generatedConfiguration: boolean
    }
  | { outcome: 'errored' /** One sentence for people; no secrets. */; reason: string; counts?: ChangeCounts }
  | { outcome: 'canceled'; counts?: ChangeCounts }

/** Files of a plan that the apply needs, or that are served to readers. */
export type PlanArtifact =
  /** the engine's binary plan file */
  | 'plan-file'
  /** `.terraform.lock.hcl` as it stands after init; absent when the engine wrote none */
  | 'lock-file'
  /** `show -json` of the plan, unredacted */
  | 'plan-json'
  /** plan JSON with sensitive values removed, merged with `providers schema -json` (cli-protocol.md 4.3) */
  | 'plan-json-redacted'

export interface StateUpload {
  serial: number
  lineage: string
  /** hex MD5 of the raw bytes */
  md5: string
  sizeBytes: number
  intermediate: boolean
}

/**
 * One held phase. Every write carries the claim; a write after the claim was lost throws `ClaimLost`,
 * and the executor then stops its engine (INT, KILL after the grace) and reports nothing more.
 */
export interface PhaseHandle {
  readonly work: PhaseWork
  /** Aborted with reason 'cancel' (graceful: INT the engine), 'force' (KILL) or 'lost' (claim lost, or worker stops). */
  readonly signal: AbortSignal
  /** Fires once per change of the wish: 'cancel' first, later perhaps 'force'; 'lost' at most once. */
  onStop(listener: (wish: 'cancel' | 'force' | 'lost') => void): void
  /** tar.gz of the configuration version. */
  configuration(): Promise<Readable>
  /** Raw current state; only when work.state is not null. */
  state(): Promise<Readable>
  /** null when that artifact was not kept. */
  artifact(name: PlanArtifact): Promise<Readable | null>
  /** Appends bytes to the log of this phase, in call order. The transport frames STX/ETX itself. */
  log(bytes: Buffer): Promise<void>
  keep(name: PlanArtifact, bytes: Readable): Promise<void>
  uploadState(meta: StateUpload, bytes: Readable): Promise<void>
  /** Closes the log (ETX) and makes the phase terminal with this result. The last call on a handle. */
  finish(result: PhaseResult): Promise<void>
}

export class ClaimLost extends Error {
  constructor() {
    super('this phase is held by somebody else now')
  }
}
