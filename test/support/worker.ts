import type { App } from '../../shared/app.ts'
import type { ChangeCounts } from '../../shared/phase.ts'
import { type Claim, finishPhase, takePhase } from '../../shared/runs/hold.ts'
import { appendLog } from '../../shared/runs/logs.ts'

/** A worker by hand: takes a phase, writes its log and ends it, as the runner does with an engine. */
export async function take(app: App, runId: string, phase: 'plan' | 'apply'): Promise<Claim> {
  const claim = await takePhase(app, runId, phase, 'test-worker')
  if (!claim) throw new Error(`the ${phase} of ${runId} cannot be taken`)
  return claim
}

export const write = (app: App, claim: Claim, text: string | Buffer): Promise<void> =>
  app.db.transaction((tx) => appendLog(tx, claim.phaseId, claim.claim, Buffer.from(text)))

export const finish = (app: App, claim: Claim, counts: Partial<ChangeCounts> = { additions: 1 }): Promise<void> =>
  finishPhase(app, claim, {
    outcome: 'finished',
    hasChanges: Object.values(counts).some((n) => n > 0),
    counts: { additions: 0, changes: 0, destructions: 0, imports: 0, ...counts },
    generatedConfiguration: false,
  })
