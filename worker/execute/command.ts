import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Stop } from './stop.ts'
import type { Watchdog } from './watchdog.ts'

export interface EngineExit {
  /** null when a signal ended it */
  exitCode: number | null
  signal: string | null
  /** the end of stderr, for commands whose stdout is data */
  stderrTail: string
  durationMs: number
}

export interface EngineCommand {
  binary: string
  args: readonly string[]
  cwd: string
  env: Record<string, string>
  stop: Stop
  /** for a command that may work for long; the others end by themselves soon after their worker */
  watchdog: Watchdog | undefined
  /** KILL this long after INT when the claim is lost; after a cancel too if `killAfterCancel` */
  graceMs: number
  killAfterCancel: boolean
}

/** Takes stdout and stderr, interleaved as written; a returned promise pauses the engine's output until it settles. */
export type OutputSink = (chunk: Buffer) => Promise<void> | undefined

const STDERR_TAIL_BYTES = 16 * 1024
const DRAIN_MS = 2000

/**
 * Runs an engine command whose output is for people.
 *
 * The output goes through a named pipe that the engine itself holds open for reading too: when the worker dies, the
 * engine's next line must not meet a broken pipe. A Go program dies of SIGPIPE on stdout, before it wrote its state.
 */
export async function runToLog(command: EngineCommand, pipe: string, sink: OutputSink): Promise<EngineExit> {
  const both = openSync(pipe, constants.O_RDWR)
  let output: Socket
  let running: Promise<EngineExit>
  try {
    // The socket owns its descriptor from here on.
    output = new Socket({
      fd: openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK),
      readable: true,
      writable: false,
    })
    running = start(command, ['ignore', both, both])
  } finally {
    // Only the engine's group holds the pipe now, so its end of file means that nobody can write any more.
    closeSync(both)
  }
  const drained = drain(output, sink)
  try {
    const exit = await running
    await Promise.race([drained.done, silence(drained)])
    return exit
  } finally {
    output.destroy()
  }
}

/** Makes the named pipe for `runToLog`; one serves all commands of a phase, one after the other. */
export async function makePipe(path: string): Promise<void> {
  const [code] = await exitOf(spawn('mkfifo', ['-m', '600', path], { stdio: 'ignore' }))
  if (code !== 0) throw new Error(`mkfifo exited with code ${code}`)
}

/** Runs an engine command whose stdout is data, straight into a file: it never passes through this process. */
export async function runToFile(command: EngineCommand, file: string): Promise<EngineExit> {
  const out = await open(file, 'w', 0o600)
  try {
    return await start(command, ['ignore', out.fd, 'pipe'])
  } finally {
    await out.close()
  }
}

interface Draining {
  done: Promise<void>
  /** when the last bytes were taken; Infinity while the sink makes the engine wait */
  takenAtMs: number
}

function drain(output: Socket, sink: OutputSink): Draining {
  const state: Draining = { done: Promise.resolve(), takenAtMs: performance.now() }
  state.done = (async () => {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      state.takenAtMs = Infinity
      await sink(chunk)
      state.takenAtMs = performance.now()
    }
  })()
  // Awaited after the engine's end; a failure must not count as unhandled until then.
  state.done.catch(() => undefined)
  return state
}

/** A process that left the engine's group may hold the pipe for ever: nothing read for a while ends the wait. */
async function silence(drained: Draining): Promise<void> {
  const from = performance.now()
  while (performance.now() - Math.max(from, drained.takenAtMs) < DRAIN_MS) {
    await new Promise((resolve) => setTimeout(resolve, 100).unref())
  }
}

async function start(command: EngineCommand, stdio: ['ignore', number, number | 'pipe']): Promise<EngineExit> {
  command.stop.throwIfRequested()
  const startedAt = performance.now()
  // Not execa: its end waits for streams that a provisioner's background child may hold open.
  const child = spawn(command.binary, command.args, {
    cwd: command.cwd,
    env: command.env,
    stdio,
    // Own group: a signal reaches provisioners too.
    detached: true,
  })
  let stderrTail = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    stderrTail = (stderrTail + chunk.toString()).slice(-STDERR_TAIL_BYTES)
  })
  const { pid } = child
  command.watchdog?.guard(pid)
  const unlisten = pid === undefined ? undefined : interruptOnStop(command, pid)
  try {
    const [exitCode, signal] = await exitOf(child)
    return { exitCode, signal, stderrTail, durationMs: performance.now() - startedAt }
  } finally {
    unlisten?.()
    command.watchdog?.guard(undefined)
    // Whatever a provisioner left in the background ends with its engine.
    if (pid !== undefined) signalGroup(pid, 'SIGKILL')
  }
}

/** @throws the spawn's error, for example when the binary has gone */
const exitOf = (child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> =>
  new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve([code, signal]))
  })

function interruptOnStop(command: EngineCommand, pid: number): () => void {
  let interrupted = false
  let timer: NodeJS.Timeout | undefined
  const unlisten = command.stop.listen((wish) => {
    if (wish === 'force') return signalGroup(pid, 'SIGKILL')
    // A second INT makes the engines give up at once, without writing their state.
    if (!interrupted) {
      command.watchdog?.interrupted()
      signalGroup(pid, 'SIGINT')
    }
    interrupted = true
    if (wish === 'lost' || command.killAfterCancel) {
      timer ??= setTimeout(() => signalGroup(pid, 'SIGKILL'), command.graceMs)
    }
  })
  return () => {
    unlisten()
    clearTimeout(timer)
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
