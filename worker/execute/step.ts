import type { Logger } from 'pino'
import type { Config } from '../../shared/config.ts'
import type { PhaseHandle, PhaseResult, PhaseWork } from '../../shared/phase.ts'
import type { EngineExit } from './command.ts'
import type { Engine } from './engines.ts'
import type { EngineEnvironment } from './environment.ts'
import type { Identity } from './identity.ts'
import type { LogWriter } from './log-writer.ts'
import type { OutputReader } from './output-reader.ts'
import type { SandboxPlaces } from './sandbox.ts'
import type { Stop } from './stop.ts'
import type { HclFiles } from './variables.ts'
import type { Workdir } from './workdir.ts'

export type ExecuteConfig = Pick<
  Config,
  | 'workDir'
  | 'engineDir'
  | 'engineDownload'
  | 'pluginCacheDir'
  | 'providerMirror'
  | 'outboundAllow'
  | 'dataDir'
  | 'sandbox'
  | 'maxUnpackedBytes'
  | 'maxStateBytes'
> & { runner: Pick<Config['runner'], 'cancelGraceMs'> }

/** What the steps of one phase share. A step fills in what later steps need. */
export interface Phase {
  config: ExecuteConfig
  handle: PhaseHandle
  work: PhaseWork
  log: Logger
  /** the phase's own log, which people read */
  writer: LogWriter
  stop: Stop
  dir: Workdir
  engine: Engine
  /** where the engine runs: the working directory inside the unpacked archive */
  cwd: string
  env: EngineEnvironment
  /** short-lived credentials; their ends are the end of the phase */
  identity: Identity
  stateFile: string
  /** null: engines run as the worker itself does */
  sandbox: SandboxPlaces | null
  hclFiles: HclFiles
  /** the dependency lock as init left it, '' when there is none */
  lockText: string
  /** `providers schema -json`, under way beside the plan */
  schemas: Promise<{ path: string }>
  /** what the last command for people said */
  output: OutputReader
  /** work that may go on beside the steps and must end before the folder is removed */
  background: Promise<unknown>[]
  result: PhaseResult | undefined
  /** time spent in engine commands, for the measurement of our own */
  engineMs: number
  /** the folder holds a state that is stored nowhere else */
  keepFolder: boolean
}

export interface Step {
  name: string
  run(phase: Phase): Promise<void>
}

/** Runs steps in order until one gives the phase its result or throws. */
export async function runSteps(phase: Phase, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    phase.stop.throwIfRequested()
    const startedAt = performance.now()
    await step.run(phase)
    phase.log.debug({ step: step.name, durationMs: Math.round(performance.now() - startedAt) }, 'step done')
    if (phase.result) return
  }
}

export const succeeded = (exit: EngineExit): boolean => exit.exitCode === 0
