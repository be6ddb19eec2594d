import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Guarded {
  file: string
  args: string[]
  /** Starts a watchdog for the started process; returns how to end it. Absent where the kernel watches. */
  watch?: (pid: number) => () => void
}

/**
 * An engine must not outlive its worker, and must get INT, not KILL, when the worker dies: it then writes its state.
 * On Linux the kernel does it (`setpriv`, util-linux; it fires when the thread that spawned ends, here the main one).
 * Elsewhere a shell waits for the end of a pipe that only this process holds.
 */
export function guardAgainstWorkerDeath(binary: string, args: readonly string[]): Guarded {
  setpriv ??= process.platform === 'linux' ? (findOnPath('setpriv') ?? '') : ''
  if (setpriv) return { file: setpriv, args: ['--pdeathsig', 'INT', '--', binary, ...args] }
  return { file: binary, args: [...args], watch: watchdog }
}

let setpriv: string | undefined

export function watchdog(pid: number): () => void {
  // The pid is a group's: the engine is started detached. `$1` keeps it out of the script's text.
  const shell = spawn('/bin/sh', ['-c', 'read -r done; [ -n "$done" ] || kill -INT -- "-$1"', 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
  })
  shell.unref()
  return () => shell.stdin.end('done\n')
}

export function findOnPath(name: string, path = process.env.PATH ?? ''): string | undefined {
  for (const folder of path.split(delimiter)) {
    if (!folder) continue
    try {
      accessSync(join(folder, name), constants.X_OK)
      return join(folder, name)
    } catch {
      // not in this folder
    }
  }
  return undefined
}
