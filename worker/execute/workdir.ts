import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { PhaseWork } from '../../shared/phase.ts'
import { PhaseFailure } from './failure.ts'

/**
 * The folder of one phase: `<workDir>/<runId>`, the same path for plan and apply, so that `abspath` and `path.cwd`
 * in a configuration agree between the two. Fresh for each phase, readable by the worker's user only.
 */
export interface Workdir {
  root: string
  /** the unpacked archive */
  config: string
  /** $HOME of the engine */
  home: string
  /** $TMPDIR of the engine */
  tmp: string
  /** the local backend's folder */
  state: string
  /** the named pipe that carries the engine's output */
  output: string
}

/** In the folder of an apply from before its engine starts; see leftovers.ts. */
export const MARKER = 'recover.json'

export async function createWorkdir(workDir: string, runId: string): Promise<Workdir> {
  // Without waiting for other threads: each of these takes microseconds, and the engine waits for them.
  mkdirSync(workDir, { recursive: true, mode: 0o700 })
  // The real path: the engine's folder is compared with it, and relative paths are reckoned from it.
  const root = join(realpathSync(workDir), runId)
  if (existsSync(join(root, MARKER))) await rename(root, `${root}.recover-${Date.now()}`)
  if (existsSync(root)) await rm(root, { recursive: true, force: true, maxRetries: 3 })
  const dir = folders(root)
  for (const path of [root, dir.config, dir.home, dir.tmp, dir.state]) mkdirSync(path, { mode: 0o700 })
  return dir
}

const folders = (root: string): Workdir => ({
  root,
  config: join(root, 'config'),
  home: join(root, 'home'),
  tmp: join(root, 'tmp'),
  state: join(root, 'state'),
  output: join(root, 'output.fifo'),
})

export const removeWorkdir = (dir: Workdir) => rm(dir.root, { recursive: true, force: true, maxRetries: 3 })

/**
 * The folder the engine runs in. The archive may hold links, so the real path decides.
 * @throws PhaseFailure when it is missing, no folder, or outside the archive
 */
export async function enterWorkingDirectory(dir: Workdir, workingDirectory: string): Promise<string> {
  const root = await realpath(dir.config)
  const wanted = join(root, workingDirectory)
  const name = JSON.stringify(workingDirectory)
  const actual = await realpath(wanted).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (actual === undefined || !(await stat(actual)).isDirectory()) {
    throw new PhaseFailure(`The working directory ${name} does not exist in the configuration`)
  }
  if (actual !== root && !actual.startsWith(root + sep)) {
    throw new PhaseFailure(`The working directory ${name} leads out of the configuration`)
  }
  return actual
}

/** From `cwd` to `path` with forward slashes, for files the engine reads. */
export const relativeTo = (cwd: string, path: string): string => relative(cwd, path).split(sep).join('/')

/**
 * Written before an apply starts its engine: should worker and engine end without reporting, the folder that stays
 * behind says whose state it holds.
 */
export async function markRecoverable(dir: Workdir, work: PhaseWork, stateFile: string): Promise<void> {
  const marker = {
    runId: work.runId,
    phase: work.phase,
    phaseId: work.phaseId,
    workspaceId: work.workspace.id,
    stateFile: relative(dir.root, stateFile),
    serialBefore: work.state?.serial ?? null,
    lineage: work.state?.lineage ?? null,
    startedAt: new Date().toISOString(),
  }
  await writeFile(join(dir.root, MARKER), `${JSON.stringify(marker, null, 2)}\n`, { mode: 0o600 })
}

/** The state as it was before the apply, for the comparison after a partial one in plain output mode. */
export const stateBeforePath = (dir: Workdir): string => join(dir.root, 'state-before')
