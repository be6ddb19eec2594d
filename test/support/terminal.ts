// Runs a program as a person at a terminal would: read what it prints, answer, press Ctrl-C.
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { execa } from 'execa'

/** One step of a conversation; it is due once the output after the former step's match has `when` in it. */
export interface Step {
  when: string | RegExp
  /** Waits so long after the match, for the program to settle. */
  afterMs?: number
  /** Answers this line; the line end is added. */
  answer?: string
  /** `interrupt`: Ctrl-C. `end`: closes standard input (Ctrl-D). */
  press?: 'interrupt' | 'end'
  /** Something that happens elsewhere meanwhile; it gets what `when` matched. */
  act?: (matched: string) => Promise<unknown>
}

export interface TalkOptions {
  cwd: string
  /** The whole environment: nothing is inherited. */
  env: Record<string, string>
  steps?: readonly Step[]
  /** What standard input holds, when there are no steps. Default: it is empty, so that a prompt fails instead of waiting. */
  input?: string
  /** Gives the program a terminal (util-linux `script`): colours, and stdout and stderr become one. */
  tty?: boolean
  /** Default 60 s; then the whole process group is killed and an error with the output so far is thrown. */
  timeoutMs?: number
}

export interface Outcome {
  /** 128 + signal number when a signal ended it, as in a shell. */
  exitCode: number
  /** Without escape sequences, lines ended by \n. */
  stdout: string
  stderr: string
  /** Both, in the order in which they came. */
  output: string
  /** As `output`, with escape sequences. */
  raw: string
  durationMs: number
}

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const signals: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }

/** @throws Error when the timeout passes or the program ends before every step was due; its message has the output */
export async function talk(program: string, args: readonly string[], options: TalkOptions): Promise<Outcome> {
  const { steps = [], timeoutMs = 60_000, tty = false } = options
  const startedAt = performance.now()
  const command = [program, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  // exec: the shell becomes the program, so that the terminal's Ctrl-C reaches it and its exit code is the answer.
  const file = tty ? 'script' : program
  const words = tty ? ['-qec', `stty -echo; exec ${command}`, '/dev/null'] : args
  const child = execa(file, words, {
    cwd: options.cwd,
    env: options.env,
    extendEnv: false,
    ...(steps.length > 0 ? { stdin: 'pipe' as const } : { input: options.input ?? '' }),
    // A process group of its own: Ctrl-C and the timeout reach the provider plugins too, as in a shell.
    detached: true,
    cleanup: false,
    stripFinalNewline: false,
    reject: false,
    maxBuffer: 64 * 1024 * 1024,
  })
  const killGroup = () => signalGroup(child.pid, 'SIGKILL')
  process.once('exit', killGroup)
  let seen = ''
  for (const stream of [child.stdout, child.stderr]) {
    const decoder = new TextDecoder()
    stream.on('data', (chunk: Buffer) => {
      seen += decoder.decode(chunk, { stream: true })
    })
  }
  let ended = false
  const ending = child.finally(() => {
    ended = true
  })
  const deadline = startedAt + timeoutMs
  const describe = (what: string) =>
    new Error(`${program} ${args.join(' ')}: ${what}. Its output so far:\n${clean(seen).slice(-6000)}`)

  try {
    let from = 0
    for (const step of steps) {
      const found = await match(step.when, from)
      from = found.end
      if (step.afterMs) await sleep(step.afterMs)
      await step.act?.(found.text)
      if (step.answer !== undefined) child.stdin?.write(`${step.answer}\n`)
      if (step.press === 'end') tty ? child.stdin?.write(CTRL_D) : child.stdin?.end()
      if (step.press === 'interrupt') tty ? child.stdin?.write(CTRL_C) : signalGroup(child.pid, 'SIGINT')
    }
    while (!ended && performance.now() < deadline) await Promise.race([ending, sleep(50)])
    if (!ended) throw describe(`still runs after ${timeoutMs} ms`)
    const result = await ending
    if (result.code !== undefined) throw describe(result.message ?? result.code)
    return {
      exitCode: result.exitCode ?? 128 + (signals[result.signal ?? ''] ?? 0),
      stdout: clean(result.stdout ?? ''),
      stderr: clean(result.stderr ?? ''),
      output: clean(seen),
      raw: seen,
      durationMs: Math.round(performance.now() - startedAt),
    }
  } finally {
    process.off('exit', killGroup)
    killGroup()
  }

  /** The match in the cleaned output and where it ends. */
  async function match(wanted: string | RegExp, from: number): Promise<{ text: string; end: number }> {
    for (;;) {
      const over = ended
      const text = clean(seen)
      const rest = text.slice(from)
      const at = typeof wanted === 'string' ? rest.indexOf(wanted) : rest.search(wanted)
      if (at >= 0) {
        const found = typeof wanted === 'string' ? wanted : (rest.match(wanted)?.[0] ?? '')
        return { text: found, end: from + at + found.length }
      }
      if (over) throw describe(`ended before it printed ${wanted}`)
      if (performance.now() > deadline) throw describe(`did not print ${wanted} within ${timeoutMs} ms`)
      await Promise.race([ending, sleep(25)])
    }
  }
}

const clean = (text: string) => stripVTControlCharacters(text).replaceAll('\r\n', '\n')

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // Nobody is left in the group.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
