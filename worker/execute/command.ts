import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Output, type ProcessExit, type Started, spawner } from './spawner.ts'
import type { Stop } from './stop.ts'

export interface EngineExit extends ProcessExit {
  durationMs: number
}

export interface EngineCommand {
  binary: string
  args: readonly string[]
  cwd: string
  env: Record<string, string>
  stop: Stop
  /** KILL this long after INT when the worker or its claim is lost; after a cancel too if `killAfterCancel` */
  graceMs: number
  killAfterCancel: boolean
}

/** Takes stdout and stderr, interleaved as written; a returned promise pauses the engine's output until it settles. */
export type OutputSink = (chunk: Buffer) => Promise<void> | undefined

const DRAIN_MS = 2000

/**
 * Runs an engine command whose output is for people.
 *
 * The output goes through a named pipe that the engine itself holds open for reading too: when the worker dies, the
 * engine's next line must not meet a broken pipe. A Go program dies of SIGPIPE on stdout, before it wrote its state.
 */
export async function runToLog(command: EngineCommand, pipe: string, sink: OutputSink): Promise<EngineExit> {
  // Held until the engine's group holds it: from then on its end of file means that nobody can write any more.
  const both = openSync(pipe, constants.O_RDWR)
  let output: Socket
  let running: Running
  try {
    // The socket owns its descriptor from here on.
    output = new Socket({
      fd: openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK),
      readable: true,
      writable: false,
    })
    running = await start(command, { pipe })
  } finally {
    closeSync(both)
  }
  const drained = drain(output, sink)
  try {
    const exit = await running.exit
    await Promise.race([drained.done, silence(drained)])
    return exit
  } finally {
    output.destroy()
  }
}

/** Makes the named pipe for `runToLog`; one serves all commands of a phase, one after the other. */
export async function makePipe(path: string): Promise<void> {
  const { exit } = await spawner.start({
    binary: 'mkfifo',
    args: ['-m', '600', path],
    cwd: '/',
    env: {},
    output: { file: '/dev/null' },
    graceMs: 0,
  })
  const end = await exit
  if (end === 'unknown' || end.exitCode !== 0) throw new Error('mkfifo failed')
}

/** Runs an engine command whose stdout is data, straight into a file: it never passes through this process. */
export async function runToFile(command: EngineCommand, file: string): Promise<EngineExit> {
  return (await start(command, { file })).exit
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

interface Running {
  exit: Promise<EngineExit>
}

/** @throws when the command could not be started, for example when the binary has gone */
async function start(command: EngineCommand, output: Output): Promise<Running> {
  const { binary, args, cwd, env, graceMs, stop } = command
  stop.throwIfRequested()
  const startedAt = performance.now()
  const started = await spawner.start({ binary, args, cwd, env, graceMs, output })
  const unlisten = interruptOnStop(command, started)
  const exit = async (): Promise<EngineExit> => {
    try {
      const end = await started.exit
      const known = end === 'unknown' ? await endUnwatched(started.pid, graceMs) : end
      return { ...known, durationMs: performance.now() - startedAt }
    } finally {
      unlisten()
    }
  }
  return { exit: exit() }
}

/** Without its guard an engine does not run on. */
async function endUnwatched(pid: number, graceMs: number): Promise<ProcessExit> {
  signalGroup(pid, 'SIGINT')
  for (const until = performance.now() + graceMs; performance.now() < until && signalGroup(pid, 0); ) await sleep(100)
  signalGroup(pid, 'SIGKILL')
  return { exitCode: null, signal: 'the loss of its guard' }
}

function interruptOnStop(command: EngineCommand, { pid, interrupted: tell }: Started): () => void {
  let interrupted = false
  let timer: NodeJS.Timeout | undefined
  const unlisten = command.stop.listen((wish) => {
    if (wish === 'force') {
      signalGroup(pid, 'SIGKILL')
      return
    }
    // A second INT makes the engines give up at once, without writing their state.
    if (!interrupted) {
      tell()
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

/** @returns whether the group exists; signal 0 only asks */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    return false
  }
}
