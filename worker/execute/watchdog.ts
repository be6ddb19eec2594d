import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * An engine must not outlive its worker, and must get INT when the worker dies: it then writes its state and stops.
 * A shell waits for the end of a pipe that only the worker holds, and knows the process group to interrupt.
 *
 * Not the kernel's parent-death signal: when a process with threads is killed, its children pass from thread to
 * thread and the signal is sent at each passing. A second INT makes both engines stop at once, without their state.
 */
export class Watchdog {
  /** Started ahead of its phase: starting a process takes a big worker several milliseconds. */
  static readonly #spares = new Map<number, Watchdog[]>()
  readonly #shell: ChildProcess

  /** @param graceMs between INT and KILL */
  static take(graceMs: number): Watchdog {
    const spare = Watchdog.#spares.get(graceMs)?.pop()
    return spare?.isAlive ? spare : new Watchdog(graceMs)
  }

  /** Keeps one ready for the next phase. It ends with the worker, as it guards nothing yet. */
  static prepare(graceMs: number): void {
    const spares = Watchdog.#spares.get(graceMs) ?? []
    Watchdog.#spares.set(graceMs, spares)
    if (spares.length === 0) spares.push(new Watchdog(graceMs))
  }

  get isAlive(): boolean {
    return this.#shell.exitCode === null && this.#shell.signalCode === null && this.#shell.pid !== undefined
  }

  private constructor(graceMs: number) {
    const seconds = Math.max(1, Math.ceil(graceMs / 1000))
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', String(seconds)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Not in the group of the worker, which may be interrupted as a whole.
      detached: true,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    })
    this.#shell.unref()
    ;(this.#shell.stdin as Socket).unref()
    // Without a shell nothing guards the engine; the phase itself goes on.
    this.#shell.on('error', () => undefined)
    this.#shell.stdin!.on('error', () => undefined)
  }

  /** @param pid of a process group's leader; undefined: there is nothing to interrupt any more */
  guard(pid: number | undefined): void {
    this.#shell.stdin!.write(`${pid ?? ''}\n`)
  }

  /** The worker has sent the INT itself: at its death only the grace remains. */
  interrupted(): void {
    this.#shell.stdin!.write('interrupted\n')
  }

  end(): void {
    this.#shell.stdin!.end('\n')
  }
}

const SCRIPT = `
group= sent=
while read -r line; do
  case $line in
    interrupted) sent=1 ;;
    *) group=$line sent= ;;
  esac
done
[ -n "$group" ] || exit 0
[ -n "$sent" ] || kill -INT "-$group"
waited=0
while [ "$waited" -lt "$1" ] && kill -0 "-$group"; do sleep 1; waited=$((waited + 1)); done
kill -KILL "-$group"
`
