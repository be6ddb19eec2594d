import { createReadStream } from 'node:fs'
import { readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { LeftAnswer, LeftRun, LeftState } from '../../shared/states/recover.ts'
import { fileVersion, type StateSnapshot, takeSnapshot } from './state-snapshot.ts'
import { MARKER } from './workdir.ts'

/** Where the folder of a lost apply is reported to: the database (runner) or the server (agent). */
export interface LeftoverDesk {
  /** Without a state: whether the run has ended. */
  ask(left: LeftRun | LeftState): Promise<LeftAnswer>
  send(left: LeftState & { sizeBytes: number }, bytes: Readable): Promise<LeftAnswer>
}

const LOOK_MS = 10_000
/** Where processes cannot be listed: an engine that wrote nothing for so long is taken for gone. */
const QUIET_MS = 60_000

/** A folder without a state, of a run that nobody knows, stays for so long. */
const UNKNOWN_MS = 24 * 3600_000

const Marker = z.object({
  runId: z.string(),
  workspaceId: z.string(),
  stateFile: z.string(),
  serialBefore: z.number().nullable(),
  lineage: z.string().nullable(),
})

export interface Leftovers {
  stop(): Promise<void>
}

/**
 * Looks, now and then, for folders of applies that nobody reported: their worker died, or lost its claim. Once the run
 * has ended and the engine is gone, the state in it is stored and the folder removed. Several processes may share the
 * folder: what one has stored the others find done.
 */
export function watchLeftovers(workDir: string, desk: LeftoverDesk, log: Logger): Leftovers {
  const told = new Set<string>()
  let looking = Promise.resolve()
  let isLooking = false
  const look = () => {
    if (isLooking) return
    isLooking = true
    looking = lookOnce(workDir, desk, log, told)
      .catch((error: Error) => log.warn({ err: error.message }, 'cannot look for the states of lost applies'))
      .finally(() => {
        isLooking = false
      })
  }
  look()
  const timer = setInterval(look, LOOK_MS)
  return {
    async stop() {
      clearInterval(timer)
      await looking
    },
  }
}

async function lookOnce(workDir: string, desk: LeftoverDesk, log: Logger, told: Set<string>): Promise<void> {
  for (const name of await readdir(workDir).catch(nothingThere)) {
    const folder = join(workDir, name)
    try {
      const why = await settle(folder, desk)
      if (why && !told.has(name)) {
        told.add(name)
        log.warn({ folder, why }, 'the folder of a lost apply stays: look at its state')
      }
    } catch (error) {
      log.warn({ err: (error as Error).message, folder }, 'the state of a lost apply is not stored yet')
    }
  }
}

/** @returns why the folder stays for good; undefined: it is gone, or is looked at again */
async function settle(folder: string, desk: LeftoverDesk): Promise<string | undefined> {
  const text = await readFile(join(folder, MARKER), 'utf8').catch(() => undefined)
  if (text === undefined) return settlePlan(folder, desk)
  const parsed = Marker.safeParse(parseJson(text))
  // it is being written, or the disk was full
  if (!parsed.success) return 'its recover.json cannot be read'
  const { runId, workspaceId, stateFile, serialBefore, lineage } = parsed.data
  const run = { runId, workspaceId }
  const first = await desk.ask(run)
  if (first === 'unknown') return 'the server does not know its run'
  if (first === 'wait') return undefined
  const path = join(folder, stateFile)
  if (first === 'send') {
    if (await isInUse(folder, path)) return undefined
    if (await fileVersion(path)) {
      const snapshot = await takeSnapshot(path, join(folder, 'state-left'))
      if (!snapshot) return 'its state is not complete'
      const isChanged = snapshot.serial !== serialBefore || snapshot.lineage !== lineage
      if (isChanged && (await deliver(desk, run, snapshot)) !== 'done') return undefined
    }
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  return undefined
}

/** The folder of a lost plan holds no state, but values of variables. @returns always undefined */
async function settlePlan(folder: string, desk: LeftoverDesk): Promise<undefined> {
  const [runId] = /^run-[0-9A-Za-z]+/.exec(basename(folder)) ?? []
  if (!runId) return
  const answer = await desk.ask({ runId })
  if (answer === 'wait' || (await isInUse(folder, folder))) return
  // a run of another server that shares the folder, or of a workspace that was deleted
  if (answer === 'unknown' && Date.now() - (await stat(folder)).mtimeMs < UNKNOWN_MS) return
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}

async function deliver(
  desk: LeftoverDesk,
  run: LeftRun & { workspaceId: string },
  snapshot: StateSnapshot,
): Promise<LeftAnswer> {
  const { serial, lineage, md5, sizeBytes, path } = snapshot
  const left = { ...run, serial, lineage, md5 }
  const answer = await desk.ask(left)
  return answer === 'send' ? desk.send({ ...left, sizeBytes }, createReadStream(path)) : answer
}

/** Whether an engine, or something it started, still runs there. */
async function isInUse(folder: string, stateFile: string): Promise<boolean> {
  if (process.platform !== 'linux') {
    const written = await stat(stateFile).catch(() => undefined)
    return written !== undefined && Date.now() - written.mtimeMs < QUIET_MS
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  // a process that has ended, or is another user's, has no folder to read
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')))
  return folders.some((cwd) => cwd === folder || cwd.startsWith(`${folder}/`))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function nothingThere(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return []
  throw error
}
