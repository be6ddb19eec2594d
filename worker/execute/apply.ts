import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ChangeCounts, ClaimLost } from '../../shared/phase.ts'
import { failureReason, runLogged } from './engine-run.ts'
import { messageOf, PhaseFailure } from './failure.ts'
import { planPath } from './plan.ts'
import { readPlanFile } from './plan-files.ts'
import { prepareSteps, saveStream, together } from './prepare.ts'
import { countStateChanges } from './state-changes.ts'
import { StateWatcher } from './state-watcher.ts'
import { type Phase, type Step, succeeded } from './step.ts'
import { markRecoverable, relativeTo, stateBeforePath } from './workdir.ts'

/** Exactly the plan that was confirmed, or nothing. */
async function fetchPlan(phase: Phase): Promise<void> {
  const kept = await phase.handle.artifact('plan-file')
  if (!kept) throw new PhaseFailure('The plan of this run was not kept, so it cannot be applied. Start a new run.')
  await saveStream(phase, kept, planPath(phase))
}

const keepRecoverable: Step = {
  name: 'keep recoverable',
  run: async ({ dir, work, stateFile }) => {
    await together(
      () => markRecoverable(dir, work, stateFile),
      async () => {
        if (work.state) await copyFile(stateFile, stateBeforePath(dir))
      },
    )
  },
}

const apply: Step = {
  name: 'apply',
  run: async (phase) => {
    const { work, handle, dir, config, log, stateFile } = phase
    const watcher = new StateWatcher({
      stateFile,
      copy: join(dir.root, 'state-snapshot'),
      before: work.state,
      maxBytes: config.maxStateBytes,
      upload: (meta, bytes) => handle.uploadState(meta, bytes),
      onError: (error) => {
        if (error instanceof ClaimLost) phase.stop.request('lost')
        else log.warn({ err: error }, 'an intermediate state could not be stored')
      },
    })
    await watcher.start()
    try {
      const structured = work.structuredOutput ? ['-json'] : []
      const args = ['apply', '-input=false', ...structured, relativeTo(phase.cwd, planPath(phase))]
      const exit = await runLogged(phase, args, { json: work.structuredOutput })
      // Whoever took the phase over must not find a state of ours after theirs; what is on disk stays there.
      if (phase.stop.wish === 'lost') return
      await storeFinalState(phase, watcher)
      const counts = await countChanges(phase, succeeded(exit))
      // An apply that was done before the cancel reached it is done.
      if (succeeded(exit)) {
        phase.result = { outcome: 'finished', hasChanges: true, counts, generatedConfiguration: false }
      } else if (phase.stop.wish) phase.result = { outcome: 'canceled', counts }
      else phase.result = { outcome: 'errored', reason: failureReason(phase, 'apply', exit), counts }
    } finally {
      watcher.stop()
    }
  },
}

export const applySteps: readonly Step[] = [...prepareSteps(fetchPlan), keepRecoverable, apply]

const RETRIES_MS = [500, 2000, 5000]

/** Resources exist outside now: their state is worth several tries, and else its folder stays. */
async function storeFinalState(phase: Phase, watcher: StateWatcher): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await watcher.finish()
      return
    } catch (error) {
      if (error instanceof ClaimLost) throw error
      phase.log.error({ err: error, attempt }, 'the state of an apply could not be stored')
      const waitMs = RETRIES_MS[attempt]
      if (waitMs === undefined) {
        phase.keepFolder = true
        throw new PhaseFailure(
          `The state of this apply could not be stored (${messageOf(error)}). ` +
            `It is kept on the worker in the folder of ${phase.work.runId}.`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
}

/**
 * From the JSON stream, when there is one. Else from data too: a finished apply did what its plan says, and of a
 * partial one the two states tell what it did.
 */
async function countChanges(phase: Phase, isFinished: boolean): Promise<ChangeCounts> {
  const { summary, completed } = phase.output.facts
  if (phase.work.structuredOutput) return summary ?? completed
  const kept = await phase.handle.artifact('plan-json')
  if (isFinished && kept) {
    const plan = join(phase.dir.root, 'plan.json')
    await saveStream(phase, kept, plan)
    const redacted = join(phase.dir.root, 'plan-redacted.json')
    return (await readPlanFile({ plan, redacted, refreshOnly: phase.work.options.refreshOnly, secrets: [] })).counts
  }
  kept?.destroy()
  return countStateChanges(phase)
}
