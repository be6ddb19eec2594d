import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

export interface Process {
  name: string
  pid: number
  /** What it printed, the last part of it. */
  log(): string
  /** Resolves when it has ended. */
  ended: Promise<string>
  isRunning(): boolean
  kill(signal: NodeJS.Signals): void
  /** The same again, with the same environment. */
  again(): Process
  /** SIGTERM, and SIGKILL after the grace; an error when that was needed. */
  stop(graceMs?: number): Promise<void>
}

const LOG_CHARACTERS = 64 * 1024

/** One of our own entry files as a child process, with exactly this environment. It ends when we do. */
export function startProcess(name: string, args: readonly string[], env: Record<string, string>): Process {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env,
    // the channel: its end tells the child that we are gone (shared/parent.ts)
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let log = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-LOG_CHARACTERS)
    })
  }
  const ended = endOf(child)
  const isRunning = () => child.exitCode === null && child.signalCode === null
  return {
    name,
    pid: child.pid ?? 0,
    log: () => log,
    ended,
    isRunning,
    kill: (signal) => void child.kill(signal),
    again: () => startProcess(name, args, env),
    async stop(graceMs = 20_000) {
      if (!isRunning()) return
      child.kill('SIGTERM')
      let wasKilled = false
      const timer = setTimeout(() => {
        wasKilled = true
        child.kill('SIGKILL')
      }, graceMs)
      await ended
      clearTimeout(timer)
      if (wasKilled) throw new Error(`${name} still ran ${graceMs} ms after SIGTERM. Its log:\n${log}`)
    },
  }
}

async function endOf(child: ChildProcess): Promise<string> {
  const [code, signal] = await once(child, 'exit')
  return signal ? `signal ${signal}` : `code ${code}`
}

/** Processes whose current folder is below this one, e.g. engines in a worker's folder. Linux only; elsewhere none. */
export function processesBelow(folder: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => folderOf(pid)?.startsWith(folder))
}

/** Kills them; one that ends meanwhile, since its parent did, is as good. @returns what was there */
export function killBelow(folder: string): number[] {
  const pids = processesBelow(folder)
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  return pids
}

function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined // it has just ended, or is another user's
  }
}
