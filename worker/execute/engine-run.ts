import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type EngineExit, runToFile, runToLog } from './command.ts'
import { OutputReader } from './output-reader.ts'
import { sandboxed } from './sandbox.ts'
import type { Phase } from './step.ts'

/** Runs a command of the engine into the phase's log. */
export async function runLogged(
  phase: Phase,
  args: readonly string[],
  options: { json: boolean; filter?: { pass(chunk: Buffer): Buffer; end(failed: boolean): Buffer } },
): Promise<EngineExit> {
  const { writer } = phase
  const { filter } = options
  const output = new OutputReader(options.json, phase.hclFiles)
  phase.output = output
  const exit = await runToLog(command(phase, args, phase.env.commands), phase.dir.output, (chunk) => {
    writer.write(filter ? filter.pass(chunk) : chunk)
    output.read(chunk)
    return writer.isFull ? writer.drained() : undefined
  })
  if (filter) writer.write(filter.end(exit.exitCode !== 0))
  phase.engineMs += exit.durationMs
  return exit
}

/** Runs a command of the engine whose stdout is a document, into a file of the phase's folder. */
export async function runQuery(
  phase: Phase,
  args: readonly string[],
  file: string,
): Promise<{ path: string; durationMs: number }> {
  const path = join(phase.dir.root, file)
  const exit = await runToFile(command(phase, args, phase.env.queries), path)
  if (exit.exitCode === 0) return { path, durationMs: exit.durationMs }
  await rm(path, { force: true })
  phase.stop.throwIfRequested()
  phase.log.warn({ args, exitCode: exit.exitCode, signal: exit.signal }, 'an engine query failed')
  throw new Error(`${phase.engine.name} ${args.slice(0, 2).join(' ')} failed`)
}

/** Why the engine's last command failed: one sentence without details, as those may hold values. */
export function failureReason(phase: Phase, command: string, exit: EngineExit): string {
  const { error, errorVariable } = phase.output.facts
  const said = error && redact(phase, error)
  if (errorVariable) return `The value of the variable ${JSON.stringify(errorVariable)} cannot be used: ${said}`
  if (said) return said
  const how = exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.exitCode}`
  return `${phase.engine.name} ${command} ${how}`
}

function redact(phase: Phase, text: string): string {
  const secrets = phase.work.variables.filter(({ sensitive, value }) => sensitive && value.length >= 4)
  return secrets.reduce((redacted, { value }) => redacted.replaceAll(value, '(sensitive)'), text)
}

function command(phase: Phase, args: readonly string[], env: Record<string, string>) {
  const engine = { binary: phase.engine.path, args }
  return {
    ...(phase.sandbox ? sandboxed(phase.config, phase.sandbox, engine) : engine),
    cwd: phase.cwd,
    env,
    stop: phase.stop,
    graceMs: phase.config.runner.cancelGraceMs,
    // A plan has nothing to lose. An apply that is canceled finishes what it is at; force-cancel is a person's decision.
    killAfterCancel: phase.work.phase === 'plan',
  }
}
