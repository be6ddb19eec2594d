import { Readable } from 'node:stream'
import { z } from 'zod'
import { patient } from '../../db/patient.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../../shared/app.ts'
import { openBlobs } from '../../shared/blobs.ts'
import { configurationBlob } from '../../shared/configurations/queries.ts'
import type { PhaseHandle, PhaseResult, PhaseWork, PlanArtifact, StateUpload } from '../../shared/phase.ts'
import { ClaimLost } from '../../shared/phase.ts'
import { planArrived } from '../../shared/plans/store.ts'
import { artifactBlob, type Claim, finishPhase, lockHeld, type NewClaim, stopWish } from '../../shared/runs/hold.ts'
import { appendLog } from '../../shared/runs/logs.ts'
import { stateBlob } from '../../shared/states/queries.ts'
import { storeState } from '../../shared/states/store.ts'

const WISH_POLL_MS = 2000
const PLAN_ARTIFACT_LIMIT = 2 * 1024 * 1024 * 1024

type Wish = 'cancel' | 'force' | 'lost'

export interface HeldHere extends PhaseHandle {
  /** The worker itself wishes the phase to stop. */
  tell(wish: Wish): void
  release(): void
}

/** The app of a phase that must outlive an outage of the database: its pool waits for it (db/patient.ts). */
export function lastingApp(app: App, lost: AbortSignal): App {
  const db = patient(app.db, lost, (error) => app.log.warn({ err: error.message }, 'waiting for the database'))
  return { ...app, db, blobs: openBlobs(db, app.secrets) }
}

/**
 * A held phase of a runner on this database. Reads and writes wait for a database that is away, so each of them may be
 * done twice. The wish to stop arrives by NOTIFY; a poll finds what a lost connection
 * missed, and also that the claim is gone.
 */
export function holdInDatabase(app: App, work: PhaseWork, claim: NewClaim, lost: AbortSignal): HeldHere {
  const gone = new AbortController()
  const lasting = lastingApp(app, AbortSignal.any([lost, gone.signal]))
  let { logSize } = claim
  /** kept with the end of the phase */
  const artifacts: Partial<Record<PlanArtifact, string>> = {}
  const stop = new AbortController()
  const listeners: ((wish: Wish) => void)[] = []
  const told = new Set<Wish>()
  const tell = (wish: Wish) => {
    if (told.has(wish)) return
    told.add(wish)
    if (!stop.signal.aborted) stop.abort(wish)
    if (wish === 'lost') gone.abort()
    for (const listener of listeners) listener(wish)
  }
  const look = () => {
    stopWish(app, claim).then(
      (wish) => wish && tell(wish),
      (error: Error) =>
        app.log.warn({ err: error.message, runId: claim.runId }, 'cannot read whether the run is to stop'),
    )
  }
  const unsubscribe = [
    app.live.subscribe('stop', (runId) => runId === claim.runId && look()),
    app.live.subscribe('reconnected', look),
  ]
  const poll = setInterval(look, WISH_POLL_MS)
  const onLost = () => tell('lost')
  if (lost.aborted) onLost()
  else lost.addEventListener('abort', onLost, { once: true })

  /** A refused write tells the executor to stop its engine. */
  const guarded = async <T>(write: Promise<T>): Promise<T> => {
    try {
      return await write
    } catch (error) {
      if (error instanceof ClaimLost) tell('lost')
      throw error
    }
  }
  // asked for at once: the engine waits for it
  const configuration = configurationBlob(lasting.db, claim.runId)
  configuration.catch(() => undefined)
  const blob = async (id: string | null): Promise<Readable | null> => (id ? lasting.blobs.read(id) : null)

  return {
    work,
    signal: stop.signal,
    onStop(listener) {
      listeners.push(listener)
      for (const wish of told) listener(wish)
    },
    configuration: async () => (await blob(await configuration)) ?? Readable.from([]),
    state: async () => (await blob(await stateBlob(lasting.db, work.workspace.id))) ?? Readable.from([]),
    artifact: async (name: PlanArtifact) => blob(await artifactBlob(lasting, claim.runId, name)),
    async log(bytes) {
      await guarded(appendLog(lasting.db, claim.phaseId, claim.claim, bytes, logSize))
      logSize += bytes.length
    },
    async keep(name, bytes) {
      const stored = await lasting.blobs.put(bytes, {
        maxBytes: PLAN_ARTIFACT_LIMIT,
        tooLarge: `The ${name} is larger than 2 GiB.`,
      })
      artifacts[name] = stored.id
    },
    async uploadState(meta: StateUpload, bytes) {
      await guarded(
        storeState(
          lasting,
          {
            workspaceId: work.workspace.id,
            runId: claim.runId,
            serial: meta.serial,
            lineage: meta.lineage,
            md5: meta.md5,
            intermediate: meta.intermediate,
            engineVersion: work.engine.version,
          },
          bytes,
          async (tx) => void (await lockHeld(tx, claim)),
        ),
      )
    },
    async finish(result: PhaseResult) {
      await guarded(finishOnce(lasting, claim, result, artifacts))
      // clients wait for the end of the plan, not for its rows; a sweep finds plans whose worker died in between
      if (artifacts['plan-json-redacted']) await planArrived(lasting, claim.phaseId)
    },
    tell,
    release() {
      clearInterval(poll)
      for (const off of unsubscribe) off()
      lost.removeEventListener('abort', onLost)
    },
  }
}

const EndRow = z.object({ status: z.string() })

/** The end of a phase whose answer was lost is its end all the same. @throws ClaimLost */
async function finishOnce(
  app: App,
  claim: Claim,
  result: PhaseResult,
  artifacts: Partial<Record<PlanArtifact, string>>,
): Promise<void> {
  try {
    await finishPhase(app, claim, result, artifacts)
  } catch (error) {
    if (!(error instanceof ClaimLost)) throw error
    const ended = await app.db.maybeOne(sql.type(EndRow)`
      select status
      from phases
      where id = ${claim.phaseId} and claim = ${claim.claim}`)
    if (ended?.status !== result.outcome) throw error
  }
}
