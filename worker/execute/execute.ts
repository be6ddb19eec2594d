import type { Logger } from 'pino'
import { ClaimLost, type PhaseHandle, type PhaseResult } from '../../shared/phase.ts'
import { applySteps } from './apply.ts'
import { messageOf, PhaseFailure, Stopped } from './failure.ts'
import { endIdentity } from './identity.ts'
import { LogWriter } from './log-writer.ts'
import { planSteps } from './plan.ts'
import { SecretMask, secretsOf } from './secret-mask.ts'
import { type ExecuteConfig, type Phase, runSteps, type Step } from './step.ts'
import { Stop } from './stop.ts'
import { removeWorkdir, type Workdir } from './workdir.ts'

/**
 * Executes one held phase to its end. Ends in exactly one `handle.finish`, except when the claim is lost: then the
 * engine is stopped and nothing more is reported. The folder is removed, except after a lost apply or when its state
 * could not be stored: there it holds the only true state.
 *
 * Does not throw for anything a configuration does; throws when the result itself could not be reported.
 */
export async function executePhase(
  config: ExecuteConfig,
  handle: PhaseHandle,
  log: Logger,
  steps: readonly Step[] = handle.work.phase === 'plan' ? planSteps : applySteps,
): Promise<void> {
  const { work } = handle
  const stop = new Stop(handle)
  let logError: Error | undefined
  const mask = new SecretMask(secretsOf(work))
  const writer = new LogWriter(
    (bytes) => handle.log(bytes),
    (error) => {
      logError = error
      stop.request(error instanceof ClaimLost ? 'lost' : 'cancel')
    },
    mask,
  )
  const phase: Phase = {
    ...({} as Phase),
    config,
    handle,
    work,
    stop,
    writer,
    log: log.child({ runId: work.runId, phase: work.phase }),
    background: [],
    result: undefined,
    lockText: '',
    hclFiles: new Map(),
    engineMs: 0,
    keepFolder: false,
  }
  const startedAt = performance.now()
  try {
    const result = withoutSecrets(await runToResult(phase, steps), mask)
    await Promise.allSettled([writer.end()])
    if (stop.wish !== 'lost') await handle.finish(logError ? notLogged(result, logError) : result)
  } catch (error) {
    if (!(error instanceof ClaimLost)) throw error
    stop.request('lost')
  } finally {
    await Promise.allSettled(phase.background)
    await endIdentity(phase.identity).catch((err) => phase.log.warn({ err }, 'a token of Vault could not be revoked'))
    const isKept = phase.keepFolder || (stop.wish === 'lost' && work.phase === 'apply')
    const dir: Workdir | undefined = phase.dir
    if (dir && !isKept) {
      await removeWorkdir(dir).catch((err) => phase.log.warn({ err }, 'the folder of a phase could not be removed'))
    }
    const durationMs = Math.round(performance.now() - startedAt)
    phase.log.info({ durationMs, engineMs: Math.round(phase.engineMs), wish: stop.wish }, 'phase ended')
  }
}

/** @throws ClaimLost */
async function runToResult(phase: Phase, steps: readonly Step[]): Promise<PhaseResult> {
  const { stop, log } = phase
  try {
    await runSteps(phase, steps)
    if (phase.result) return phase.result
    if (stop.wish) return { outcome: 'canceled' }
    throw new Error('the steps of a phase ended without a result')
  } catch (error) {
    if (error instanceof ClaimLost) throw error
    // Whatever failed while the phase was being stopped, failed because of that; an unstored state did not.
    if (stop.wish && !phase.keepFolder) return { outcome: 'canceled' }
    if (!(error instanceof PhaseFailure) && !(error instanceof Stopped)) log.error({ err: error }, 'a phase failed')
    const reason = error instanceof PhaseFailure ? error.message : `The worker failed: ${messageOf(error)}`
    sayError(phase, reason)
    return { outcome: 'errored', reason }
  }
}

/** Our own error, in the form of the log: a message of the JSON stream, or text. */
function sayError({ writer, work }: Phase, message: string): void {
  const line = {
    '@level': 'error',
    '@message': `Error: ${message}`,
    '@module': 'tofutf',
    '@timestamp': new Date().toISOString(),
    diagnostic: { severity: 'error', summary: message, detail: '' },
    type: 'diagnostic',
  }
  writer.write(work.structuredOutput ? `${JSON.stringify(line)}\n` : `\nError: ${message}\n`)
}

/** Reasons come from the engine's messages. */
const withoutSecrets = (result: PhaseResult, mask: SecretMask): PhaseResult =>
  result.outcome === 'errored' ? { ...result, reason: mask.text(result.reason) } : result

/** The log is part of the result: a run whose log has a hole must not look as if it went well. */
function notLogged(result: PhaseResult, error: Error): PhaseResult {
  const counts = result.outcome === 'finished' || result.counts ? { counts: result.counts! } : {}
  return { outcome: 'errored', reason: `The log could not be stored: ${messageOf(error)}`, ...counts }
}
