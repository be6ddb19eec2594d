import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

export interface ChildSpec {
  /** For messages: `web`, `worker`. */
  name: string
  args: string[]
  cwd: string
  env: Record<string, string | undefined>
  /** Where its output goes: the terminal, or an open file. */
  output: 'inherit' | number
  /** Between SIGTERM and SIGKILL. */
  graceMs: number
  /** Wait before the first restart; doubles with each quick death. */
  backOffMs?: number
  say: (line: string) => void
  /** Called once when it dies again and again; the child is then not started any more. */
  onGiveUp: (sentence: string) => void
}

export interface Child {
  readonly pid: number | undefined
  /** Resolves with a sentence when the process ends for the first time. */
  readonly firstEnd: Promise<string>
  stop(): Promise<void>
  killNow(): void
}

const QUICK_MS = 10_000
const MOST_QUICK_DEATHS = 5

/** Keeps a process running: starts it again when it ends, later each time, and gives up after several quick deaths. */
export function keepRunning(spec: ChildSpec): Child {
  let current: ChildProcess | undefined
  let again: NodeJS.Timeout | undefined
  let stopping = false
  let quickDeaths = 0
  const first = Promise.withResolvers<string>()

  const start = () => {
    const startedAt = Date.now()
    const child = spawn(process.execPath, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      // the channel: its end tells the child that we are gone (shared/parent.ts)
      stdio: ['ignore', spec.output, spec.output, 'ipc'],
      // a group of its own, so that Ctrl-C in the terminal reaches only us and we stop all in order
      detached: true,
    })
    current = child
    const ended = (how: string) => {
      if (current !== child) return
      current = undefined
      if (stopping) return
      first.resolve(`The ${spec.name} process ended with ${how}.`)
      quickDeaths = Date.now() - startedAt < QUICK_MS ? quickDeaths + 1 : 0
      if (quickDeaths >= MOST_QUICK_DEATHS) {
        stopping = true
        spec.onGiveUp(
          `The ${spec.name} process ended ${quickDeaths} times within seconds, at last with ${how}: its own messages say why.`,
        )
        return
      }
      spec.say(`the ${spec.name} process ended with ${how}; starting it again`)
      again = setTimeout(start, (spec.backOffMs ?? 500) * 2 ** quickDeaths)
    }
    child.once('error', (error) => ended(error.message))
    child.once('exit', (code, signal) => ended(signal ? `signal ${signal}` : `code ${code}`))
  }
  start()

  return {
    get pid() {
      return current?.pid
    },
    firstEnd: first.promise,
    async stop() {
      stopping = true
      clearTimeout(again)
      const child = current
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const kill = setTimeout(() => child.kill('SIGKILL'), spec.graceMs)
      await gone
      clearTimeout(kill)
    },
    killNow() {
      stopping = true
      current?.kill('SIGKILL')
    },
  }
}
