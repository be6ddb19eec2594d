import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import type { SpawnerReport, SpawnerRequest } from './spawner.ts'

/**
 * The process beside a worker that starts its engines, and their guard: an engine must not outlive its worker, and
 * must get INT when the worker dies, so that it writes its state and stops.
 *
 * A process of its own, because a start copies the page tables of the starter: 7 ms for a worker, 1 ms from here.
 * Not the kernel's parent-death signal: when a process with threads is killed, its children pass from thread to
 * thread and the signal is sent at each passing. A second INT makes both engines stop at once, without their state.
 */

interface Running {
  pid: number
  graceMs: number
  isInterrupted: boolean
}
const running = new Map<number, Running>()

process.on('message', (request: SpawnerRequest) => {
  if ('interrupted' in request) {
    const engine = running.get(request.interrupted)
    if (engine) engine.isInterrupted = true
  } else start(request)
})

// The worker has gone, in whatever way.
process.on('disconnect', () => {
  for (const engine of running.values()) {
    if (!engine.isInterrupted) signalGroup(engine.pid, 'SIGINT')
    setTimeout(() => signalGroup(engine.pid, 'SIGKILL'), engine.graceMs)
  }
  if (running.size === 0) process.exit(0)
})

// Signals for the worker's group are the worker's business.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

function start(request: Extract<SpawnerRequest, { binary: string }>): void {
  const { id, graceMs } = request
  let child: ChildProcess
  try {
    child = spawnInto(request)
  } catch (error) {
    report({ id, error: (error as Error).message })
    return
  }
  child.once('error', (error) => report({ id, error: error.message }))
  const { pid } = child
  if (pid === undefined) return
  running.set(id, { pid, graceMs, isInterrupted: false })
  report({ id, pid })
  child.once('exit', (exitCode, signal) => {
    // Whatever a provisioner left in the background ends with its engine.
    signalGroup(pid, 'SIGKILL')
    running.delete(id)
    report({ id, exitCode, signal })
    if (running.size === 0 && !process.connected) process.exit(0)
  })
}

/** The named pipe is opened for reading too, so that the engine meets no broken pipe when the worker dies. */
function spawnInto({ binary, args, cwd, env, output }: Extract<SpawnerRequest, { binary: string }>): ChildProcess {
  const flags = output.pipe ? constants.O_RDWR : constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC
  const fd = openSync(output.pipe ?? output.file, flags, 0o600)
  try {
    // Own group: a signal reaches provisioners too.
    return spawn(binary, args, { cwd, env, stdio: ['ignore', fd, output.pipe ? fd : 'ignore'], detached: true })
  } finally {
    closeSync(fd)
  }
}

function report(message: SpawnerReport): void {
  if (process.connected) process.send!(message)
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
