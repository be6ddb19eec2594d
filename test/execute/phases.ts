import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { PhaseVariable, PhaseWork } from '../../shared/phase.ts'
import { executePhase } from '../../worker/execute/execute.ts'
import type { ExecuteConfig } from '../../worker/execute/step.ts'
import { archiveOf, MemoryPhase } from './fake-handle.ts'

export interface Place {
  folder: string
  config: ExecuteConfig
  remove(): Promise<void>
}

/** Folders of one worker, and its settings. */
export async function makePlace(settings: Partial<ExecuteConfig> = {}): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-execute-'))
  const config: ExecuteConfig = {
    workDir: join(folder, 'work'),
    engineDir: join(folder, 'engines'),
    engineDownload: false,
    pluginCacheDir: join(folder, 'plugin-cache'),
    providerMirror: undefined,
    outboundAllow: [],
    dataDir: join(folder, 'data'),
    sandbox: (process.env.TOFUTF_SANDBOX ?? 'off') as ExecuteConfig['sandbox'],
    maxUnpackedBytes: 256 * 1024 * 1024,
    maxStateBytes: 256 * 1024 * 1024,
    runner: { cancelGraceMs: 3000 },
    ...settings,
  }
  return { folder, config, remove: () => rm(folder, { recursive: true, force: true }) }
}

export type WorkOverrides = Partial<Omit<PhaseWork, 'options'>> & { options?: Partial<PhaseWork['options']> }

let count = 0

export function workOf(overrides: WorkOverrides = {}): PhaseWork {
  const runId = `run-${process.pid}x${++count}`
  const { options, ...rest } = overrides
  return {
    phase: 'plan',
    runId,
    phaseId: `plan-${count}`,
    organization: { name: 'acme' },
    project: { id: 'prj-1', name: 'Default Project' },
    workspace: { id: 'ws-1', name: 'network', workingDirectory: '' },
    engine: { name: 'terraform', version: '1.11.4' },
    structuredOutput: true,
    variables: [],
    server: null,
    sshKey: null,
    identityTokens: {},
    state: null,
    ...rest,
    options: {
      isDestroy: false,
      refresh: true,
      refreshOnly: false,
      planOnly: false,
      allowConfigGeneration: false,
      targetAddrs: [],
      replaceAddrs: [],
      invokeActionAddrs: [],
      ...options,
    },
  }
}

export const variable = (key: string, value: string, rest: Partial<PhaseVariable> = {}): PhaseVariable => ({
  key,
  value,
  category: 'terraform',
  hcl: false,
  sensitive: false,
  ...rest,
})

const silent = pino({ level: process.env.TOFUTF_TEST_LOG ?? 'silent' })

export const run = (place: Place, phase: MemoryPhase): Promise<void> => executePhase(place.config, phase, silent)

/** Plans a configuration and returns the phase as it was left. */
export async function plan(place: Place, files: Record<string, string>, overrides: WorkOverrides = {}) {
  const phase = new MemoryPhase(workOf(overrides), await archiveOf(files))
  await run(place, phase)
  return phase
}

/** The apply phase of a plan, not yet run. */
export function applyOf(planned: MemoryPhase): MemoryPhase {
  const phase = new MemoryPhase({ ...planned.work, phase: 'apply', phaseId: 'apply-1' }, planned.archive)
  phase.currentState = planned.currentState
  for (const [name, bytes] of planned.artifacts) phase.artifacts.set(name, bytes)
  return phase
}

export async function planAndApply(place: Place, files: Record<string, string>, overrides: WorkOverrides = {}) {
  const planned = await plan(place, files, overrides)
  const applied = applyOf(planned)
  await run(place, applied)
  return { planned, applied }
}

/** The last uploaded state. */
export function lastState(phase: MemoryPhase) {
  const upload = phase.uploads.at(-1)
  if (!upload) throw new Error('no state was uploaded')
  return JSON.parse(upload.bytes.toString())
}
