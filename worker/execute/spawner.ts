import { type ChildProcess, fork } from 'node:child_process'

/** stdout into a file and stderr nowhere, or stdout and stderr, interleaved as written, into a named pipe */
export type Output = { pipe: string; file?: never } | { file: string; pipe?: never }

export interface Start {
  binary: string
  args: readonly string[]
  cwd: string
  env: Record<string, string>
  output: Output
  /** between INT and KILL when the worker dies */
  graceMs: number
}

export type SpawnerRequest = (Start & { id: number }) | { interrupted: number }
export type SpawnerReport = { id: number; pid: number } | { id: number; error: string } | ({ id: number } & ProcessExit)

export interface ProcessExit {
  /** null when a signal ended it */
  exitCode: number | null
  signal: string | null
}

export interface Started {
  pid: number
  /** 'unknown' when the process that started it was killed: it may run on */
  exit: Promise<ProcessExit | 'unknown'>
  /** the worker has sent the INT itself: at its death only the grace remains */
  interrupted(): void
}

interface Waiting {
  /** who was asked */
  by: ChildProcess
  started(pid: number): void
  ended(exit: ProcessExit | 'unknown'): void
  failed(error: Error): void
}

/** The worker's end of `spawner-process.ts`, which is started with the first command and again if it was killed. */
class Spawner {
  #process: ChildProcess | undefined
  #lastId = 0
  readonly #waiting = new Map<number, Waiting>()

  /** @throws what the start of the process failed with, for example when the binary has gone */
  async start(command: Start): Promise<Started> {
    const id = ++this.#lastId
    const spawner = this.prepare()
    let ended: Waiting['ended'] = () => undefined
    const exit = new Promise<ProcessExit | 'unknown'>((resolve) => {
      ended = resolve
    })
    try {
      const pid = await new Promise<number>((started, failed) => {
        this.#waiting.set(id, { by: spawner, started, ended, failed })
        // Only a wait for an answer keeps this process alive.
        spawner.channel?.ref()
        spawner.send({ ...command, id } satisfies SpawnerRequest)
      })
      return { pid, exit, interrupted: () => spawner.connected && spawner.send({ interrupted: id }) }
    } catch (error) {
      this.#forget(id)
      throw error
    }
  }

  /** Starts the process ahead of the first command. */
  prepare(): ChildProcess {
    if (this.#process?.connected) return this.#process
    const spawner = fork(new URL('spawner-process.ts', import.meta.url), {
      // Not in the group of the worker, which may be interrupted as a whole.
      detached: true,
      stdio: 'ignore',
      execArgv: [],
      // each command brings its own
      env: {},
    })
    spawner.on('message', (report: SpawnerReport) => this.#take(report))
    spawner.on('error', (error) => this.#lose(spawner, error))
    spawner.on('disconnect', () => this.#lose(spawner, new Error('the process that starts engines has gone')))
    spawner.unref()
    spawner.channel?.unref()
    this.#process = spawner
    return spawner
  }

  #take(report: SpawnerReport): void {
    const waiting = this.#waiting.get(report.id)
    if ('pid' in report) waiting?.started(report.pid)
    else if ('error' in report) waiting?.failed(new Error(report.error))
    else {
      this.#forget(report.id)
      waiting?.ended(report)
    }
  }

  /** What it started may still run; nobody will tell how it ends. */
  #lose(spawner: ChildProcess, error: Error): void {
    if (this.#process === spawner) this.#process = undefined
    for (const [id, waiting] of this.#waiting) {
      if (waiting.by !== spawner) continue
      this.#forget(id)
      waiting.failed(error)
      waiting.ended('unknown')
    }
  }

  #forget(id: number): void {
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#process?.channel?.unref()
  }
}

export const spawner = new Spawner()
