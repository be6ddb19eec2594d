import type { Readable } from 'node:stream'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { configurationBlob } from '../configurations/queries.ts'
import { problem } from '../errors.ts'
import { ClaimLost, type PhaseResult, type PlanArtifact, type StateUpload } from '../phase.ts'
import { planArrived } from '../plans/store.ts'
import { poolQueue, poolQueueOptions } from '../queues.ts'
import { artifactBlob, finishPhase, keepArtifact, lockHeld, stopWish, takePhase } from '../runs/hold.ts'
import { appendLog } from '../runs/logs.ts'
import { phaseWork, withIdentity } from '../runs/work.ts'
import { stateBlob } from '../states/queries.ts'
import { storeState } from '../states/store.ts'
import { type HeldByAgent, type JobOffer, signCredential } from './credential.ts'
import { PLAN_ARTIFACT_LIMIT, type StartedPhase } from './protocol.ts'

/** What an agent does with a phase it holds. The server speaks to the queue for it. */

const attemptOf = (job: JobOffer) => ({ id: job.jobId, retryCount: job.attempt })

/** Tells the queue that the agent lives. @throws ClaimLost when this attempt of the job is over */
async function touchJob(app: App, job: JobOffer): Promise<void> {
  const { affected } = (await app.queue.boss.touch(poolQueue(job.agentPoolId), attemptOf(job))) as { affected: number }
  if (affected === 0) throw new ClaimLost()
}

export async function completeJob(app: App, job: JobOffer): Promise<void> {
  await app.queue.boss.complete(poolQueue(job.agentPoolId), attemptOf(job))
}

const HeldRow = z.object({ id: z.string(), claim: z.number(), log_size: z.number() })

const selectHeld = (app: App, job: JobOffer) =>
  app.db.maybeOne(sql.type(HeldRow)`
    select id, claim, log_size
    from phases
    where run_id = ${job.runId} and kind = ${job.phase} and status = 'running' and claimed_by = ${job.agentId}`)

/**
 * Takes the phase of an offered job. May be repeated while the job is the agent's: an apply is then not taken a second
 * time, its claim is told again; of a plan the repeated taking is the one that counts.
 * null: the run needs no execution any more; the job is done.
 * @throws ClaimLost when the offer is over
 */
export async function startPhase(app: App, job: JobOffer, url: string): Promise<StartedPhase | null> {
  await touchJob(app, job)
  const taken = await takePhase(app, job.runId, job.phase, job.agentId)
  const held = taken || job.phase === 'apply' ? await selectHeld(app, job) : null
  if (!held) {
    await completeJob(app, job)
    return null
  }
  const phase: HeldByAgent = { ...job, phaseId: held.id, claim: held.claim }
  try {
    return {
      work: await withIdentity(app, phase, await phaseWork(app, phase, url)),
      credential: signCredential(app, 'agent-phase', phase),
      leaseMs: poolQueueOptions.heartbeatSeconds * 1000,
      heartbeatMs: 2000,
      logOffset: held.log_size,
    }
  } catch (error) {
    // a phase that cannot even be described (a key is missing, a variable is damaged) ends with that as its reason
    app.log.error({ err: error, runId: job.runId }, 'cannot prepare the phase')
    const reason = `The ${job.phase} could not be prepared: ${(error as Error).message}`
    await finishHeld(app, phase, { outcome: 'errored', reason })
    return null
  }
}

/** @throws ClaimLost */
export async function heartbeat(app: App, phase: HeldByAgent): Promise<'cancel' | 'force' | null> {
  const wish = await stopWish(app, phase)
  if (wish === 'lost') throw new ClaimLost()
  await touchJob(app, phase)
  await app.db.query(sql.void`
    update phases
    set heartbeat_at = now()
    where id = ${phase.phaseId} and claim = ${phase.claim}`)
  return wish
}

async function requireHeld(app: App, phase: HeldByAgent): Promise<void> {
  if ((await stopWish(app, phase)) === 'lost') throw new ClaimLost()
}

const stream = async (app: App, id: string | null): Promise<Readable | null> => (id ? app.blobs.read(id) : null)

export async function readConfiguration(app: App, phase: HeldByAgent): Promise<Readable | null> {
  await requireHeld(app, phase)
  return stream(app, await configurationBlob(app.db, phase.runId))
}

export async function readState(app: App, phase: HeldByAgent): Promise<Readable | null> {
  await requireHeld(app, phase)
  const run = await selectWorkspaceOfRun(app, phase)
  return stream(app, await stateBlob(app.db, run.workspace_id))
}

export async function readArtifact(app: App, phase: HeldByAgent, name: PlanArtifact): Promise<Readable | null> {
  await requireHeld(app, phase)
  return stream(app, await artifactBlob(app, phase.runId, name))
}

const SizeRow = z.object({ log_size: z.number() })

/**
 * Appends to the log at `offset`; what was stored by an earlier try is skipped.
 * @throws ClaimLost, also when bytes before the offset are missing
 */
export const appendLogAt = (app: App, phase: HeldByAgent, offset: number, bytes: Buffer): Promise<void> =>
  app.db.transaction(async (tx) => {
    const row = await tx.maybeOne(sql.type(SizeRow)`
      select log_size
      from phases
      where id = ${phase.phaseId} and claim = ${phase.claim} and status = 'running'
      for update`)
    if (!row || offset > row.log_size) throw new ClaimLost()
    const missing = bytes.subarray(row.log_size - offset)
    if (missing.length > 0) await appendLog(tx, phase.phaseId, phase.claim, missing)
  })

/** @throws ClaimLost */
export async function keepForAgent(
  app: App,
  phase: HeldByAgent,
  name: PlanArtifact,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  await requireHeld(app, phase)
  const tooLarge = `The ${name} is larger than 2 GiB.`
  const stored = await app.blobs.put(bytes, { maxBytes: PLAN_ARTIFACT_LIMIT, tooLarge })
  await keepArtifact(app, phase, name, stored.id)
  if (name === 'plan-json-redacted') await planArrived(app, phase.phaseId)
}

const RunRow = z.object({ workspace_id: z.string(), engine_version: z.string() })

const selectWorkspaceOfRun = (app: App, phase: HeldByAgent) =>
  app.db.one(sql.type(RunRow)`
    select workspace_id, engine_version
    from runs
    where id = ${phase.runId}`)

const StoredRow = z.object({ id: z.string() })

/** A repeat of an upload that was stored is done already. @throws ClaimLost */
export async function storeStateForAgent(
  app: App,
  phase: HeldByAgent,
  meta: StateUpload,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  await requireHeld(app, phase)
  const run = await selectWorkspaceOfRun(app, phase)
  const { serial, lineage, md5, intermediate } = meta
  const stored = await app.db.maybeOne(sql.type(StoredRow)`
    select id
    from state_versions
    where workspace_id = ${run.workspace_id} and run_id = ${phase.runId} and serial = ${serial} and lineage = ${lineage}
      and md5 = ${md5} and intermediate = ${intermediate} and status = 'finalized'
    limit 1`)
  if (stored) return
  await storeState(
    app,
    {
      workspaceId: run.workspace_id,
      runId: phase.runId,
      serial,
      lineage,
      md5,
      intermediate,
      engineVersion: run.engine_version,
    },
    bytes,
    async (tx) => void (await lockHeld(tx, phase)),
  )
}

/**
 * A plan that its agent stopped goes to another one at once. An apply is never repeated, so it cannot be given back.
 * @throws ClaimLost
 */
export async function giveBack(app: App, phase: HeldByAgent): Promise<void> {
  if (phase.phase === 'apply') throw problem('conflict', 'An apply cannot be given back.')
  await requireHeld(app, phase)
  await app.queue.boss.fail(poolQueue(phase.agentPoolId), attemptOf(phase), { message: 'given back by its agent' })
}

const OutcomeRow = z.object({ status: z.string() })

/** Ends phase and job. The repeat of an end whose answer was lost is done already. @throws ClaimLost */
export async function finishHeld(app: App, phase: HeldByAgent, result: PhaseResult): Promise<void> {
  try {
    await finishPhase(app, phase, result)
  } catch (error) {
    if (!(error instanceof ClaimLost)) throw error
    const ended = await app.db.maybeOne(sql.type(OutcomeRow)`
      select status
      from phases
      where id = ${phase.phaseId} and claim = ${phase.claim}`)
    if (ended?.status !== result.outcome) throw error
  }
  await completeJob(app, phase)
}
