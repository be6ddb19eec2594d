import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { Problem } from '../errors.ts'
import { LIVE_CHANNEL } from '../live.ts'
import { ClaimLost, type PhaseResult, type PlanArtifact } from '../phase.ts'
import { startTriggeredRuns } from '../run-triggers/fire.ts'
import { sendAgain } from './dispatch.ts'
import { type LockedRun, lockRun, transition } from './transition.ts'

/**
 * Holding a phase: taking it counts its claim up, and every later write names the claim and is refused when it is
 * stale. That is what keeps two workers from both writing, whatever the queue does.
 */
export interface Claim {
  runId: string
  phase: 'plan' | 'apply'
  phaseId: string
  claim: number
}

/** Only for a run that does not exist: a database that does not answer is not a lost claim. */
function nullWhenGone(error: unknown): null {
  if (error instanceof Problem && error.status === 404) return null
  throw error
}

const TakenRow = z.object({ id: z.string(), claim: z.number() })

const HeldRow = TakenRow.extend({ log_size: z.number() })

/** A claim that has just begun, and how long the phase's log is: a former holder may have written some. */
export type NewClaim = Claim & { logSize: number }

/**
 * The first act of a worker with a job. null: the phase is not to be executed (canceled meanwhile, done already, or an
 * apply that somebody else began: an apply is never taken twice).
 */
export const takePhase = (
  app: App,
  runId: string,
  phase: 'plan' | 'apply',
  claimedBy: string,
): Promise<NewClaim | null> =>
  app.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId).catch(nullWhenGone)
    const takeable = phase === 'plan' ? ['plan_queued', 'planning'] : ['apply_queued']
    if (!run || !takeable.includes(run.status)) return null
    await transition(app, tx, run, phase === 'plan' ? 'plan-taken' : 'apply-taken')
    // the state that a plan is made from is the one that is current when it is taken; STX begins the log, see logs.ts
    const taken = await tx.one(sql.type(HeldRow)`
      with base as (
        update runs
        set base_state_version_id = (select w.current_state_version_id from workspaces w where w.id = workspace_id)
        where id = ${runId} and ${phase} = 'plan'),
      taken as (
        update phases
        set claim = claim + 1, claimed_by = ${claimedBy}, heartbeat_at = now(), log_size = greatest(log_size, 1)
        where run_id = ${runId} and kind = ${phase}
        returning id, claim, log_size),
      begun as (
        insert into log_chunks (phase_id, start_offset, data)
        select id, 0, '\\x02'::bytea
        from taken
        on conflict do nothing)
      select id, claim, log_size, pg_notify(${LIVE_CHANNEL}, 'log:' || id || ' ')::text
      from taken`)
    return { runId, phase, phaseId: taken.id, claim: taken.claim, logSize: taken.log_size }
  })

/** Locks the run and proves the claim. @throws ClaimLost */
export async function lockHeld(tx: Tx, claim: Claim): Promise<LockedRun> {
  const run = await lockRun(tx, claim.runId).catch(nullWhenGone)
  if (!run || run.status !== (claim.phase === 'plan' ? 'planning' : 'applying')) throw new ClaimLost()
  await requireClaim(tx, claim)
  return run
}

/** @throws ClaimLost when the phase ended or is held by another claim */
export async function requireClaim(tx: Tx, claim: Claim): Promise<void> {
  const held = await tx.maybeOne(sql.type(TakenRow)`
    select id, claim
    from phases
    where id = ${claim.phaseId} and claim = ${claim.claim} and status = 'running'
    for update`)
  if (!held) throw new ClaimLost()
}

/** What the run wishes of its worker; 'lost' when the claim is not valid any more. */
export async function stopWish(app: App, claim: Claim): Promise<'cancel' | 'force' | 'lost' | null> {
  const row = await app.db.maybeOne(sql.type(z.object({ stop_wish: z.enum(['cancel', 'force']).nullable() }))`
    select r.stop_wish
    from phases p
    join runs r on r.id = p.run_id
    where p.id = ${claim.phaseId} and p.claim = ${claim.claim} and p.status = 'running'`)
  return row ? row.stop_wish : 'lost'
}

const artifactColumn: Record<PlanArtifact, string> = {
  'plan-file': 'plan_file_blob_id',
  'lock-file': 'lock_file_blob_id',
  'plan-json': 'plan_json_blob_id',
  'plan-json-redacted': 'plan_json_redacted_blob_id',
}

/** @throws ClaimLost */
export async function keepArtifact(app: App, claim: Claim, name: PlanArtifact, blobId: string): Promise<void> {
  const kept = await app.db.maybeOne(sql.type(TakenRow)`
    update phases
    set ${sql.identifier([artifactColumn[name]])} = ${blobId}
    where id = ${claim.phaseId} and claim = ${claim.claim} and status = 'running'
    returning id, claim`)
  if (!kept) throw new ClaimLost()
}

export async function artifactBlob(app: App, runId: string, name: PlanArtifact): Promise<string | null> {
  const row = await app.db.maybeOne(sql.type(z.object({ blob_id: z.string().nullable() }))`
    select ${sql.identifier([artifactColumn[name]])} as blob_id
    from phases
    where run_id = ${runId} and kind = 'plan'`)
  return row?.blob_id ?? null
}

/**
 * The end of a phase: result, counters, log end and the run's next status in one transaction, so that no client sees
 * a finished plan of a run that is still planning.
 * @param artifacts blobs that are not kept yet
 * @throws ClaimLost
 */
export async function finishPhase(
  app: App,
  claim: Claim,
  result: PhaseResult,
  artifacts: Partial<Record<PlanArtifact, string>> = {},
): Promise<void> {
  if (claim.phase === 'apply' && result.outcome !== 'finished') await untilPlanWasSeen(app, claim)
  await app.db.transaction(async (tx) => {
    const run = await lockRun(tx, claim.runId).catch(nullWhenGone)
    if (!run || run.status !== (claim.phase === 'plan' ? 'planning' : 'applying')) throw new ClaimLost()
    const counts = result.counts ?? { additions: 0, changes: 0, destructions: 0, imports: 0 }
    const finished = result.outcome === 'finished' ? result : null
    const hasChanges = claim.phase === 'plan' && finished ? finished.hasChanges : run.has_changes
    const ended = await tx.maybeOne(sql.type(TakenRow)`
      with ended as (
        update phases
        set additions = ${counts.additions}, changes = ${counts.changes}, destructions = ${counts.destructions},
          imports = ${counts.imports}, has_changes = ${finished?.hasChanges ?? false},
          generated_configuration = ${finished?.generatedConfiguration ?? false},
          ${sql.join(
            Object.entries(artifactColumn).map(([name, column]) => {
              const kept = sql.identifier([column])
              return sql.fragment`${kept} = coalesce(${artifacts[name as PlanArtifact] ?? null}, ${kept})`
            }),
            sql.fragment`, `,
          )}
        where id = ${claim.phaseId} and claim = ${claim.claim} and status = 'running'
        returning id, run_id, claim),
      planned as (
        update runs r
        set has_changes = ${hasChanges}
        from ended
        where r.id = ended.run_id)
      select id, claim
      from ended`)
    if (!ended) throw new ClaimLost()
    const event = `${claim.phase}-${result.outcome}` as const
    const said = result.outcome === 'errored' ? result.reason : undefined
    const reason = result.outcome === 'finished' ? undefined : (run.stop_reason ?? said)
    await transition(app, tx, { ...run, has_changes: hasChanges }, event, reason === undefined ? {} : { reason })
    if (event !== 'apply-finished') return
    await keepConfiguration(tx, run.id)
    await startTriggeredRuns(app, tx, run)
  })
}

/** The clients' longest wait between two reads of a log, and time to read the plan. */
const PLAN_SEEN_MS = 3_000

/**
 * An auto-applied run may fail before its client has noticed the end of the plan. The client would then show neither
 * the plan nor the apply's error: it gives up at the first sight of an errored run. Source: cli-protocol.md 2.4, 4.2.
 */
async function untilPlanWasSeen(app: App, claim: Claim): Promise<void> {
  const { wait_ms } = await app.db.one(sql.type(z.object({ wait_ms: z.number() }))`
    select coalesce(${PLAN_SEEN_MS} - extract(epoch from now() - p.finished_at) * 1000, 0)::int as wait_ms
    from phases p
    where p.run_id = ${claim.runId} and p.kind = 'plan'`)
  if (wait_ms > 0) await sleep(Math.min(wait_ms, PLAN_SEEN_MS))
}

/** A provisional configuration (from `plan -out`) becomes the workspace's current one with its first apply. */
const keepConfiguration = (tx: Tx, runId: string) =>
  tx.query(sql.void`
    with applied as (
      update configuration_versions c
      set provisional = false, current_at = now()
      from runs r
      where r.id = ${runId} and c.id = r.configuration_version_id and c.provisional and not c.speculative
      returning c.id, c.workspace_id)
    update workspaces w
    set current_configuration_version_id = applied.id
    from applied
    where w.id = applied.workspace_id`)

/**
 * A worker stopped answering. A plan that nobody took over ends errored; an apply is never repeated: whether its
 * engine changed something is not known. An apply that nobody had begun is sent again.
 */
export const losePhase = (app: App, runId: string, phase: 'plan' | 'apply'): Promise<void> =>
  app.db.transaction(async (tx) => {
    const run = await lockRun(tx, runId).catch(nullWhenGone)
    if (!run) return
    if (phase === 'apply' && run.status === 'apply_queued') return sendAgain(app, tx, run, 'apply')
    if (phase === 'plan' && !['plan_queued', 'planning'].includes(run.status)) return
    if (phase === 'apply' && run.status !== 'applying') return
    const reason =
      phase === 'plan'
        ? 'The worker was lost during the plan, and so were those that tried again. Start a new run.'
        : 'The worker was lost during the apply. The state holds what was uploaded before; compare it with reality before the next run.'
    await transition(app, tx, run, 'lost', { reason })
  })
