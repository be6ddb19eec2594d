import { execFile } from 'node:child_process'
import { access, constants, readdir, writeFile } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'

/**
 * Open Policy Agent as a program: found on PATH or in the engine folder (`<engines>/opa/<version>/opa`).
 * It gets files and answers JSON; no network and no environment of ours.
 */
export interface Opa {
  path: string
  version: string
}

const TIMEOUT_MS = 60_000
const MAX_OUTPUT = 4 * 1024 * 1024

/** The newest in the engine folder, else that on PATH; with `wanted` the one of exactly that version. */
export async function findOpa(engineDir: string, wanted: string | null = null): Promise<Opa | null> {
  const folder = join(engineDir, 'opa')
  const versions = await readdir(folder).catch(() => [])
  const newestFirst = versions.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  const candidates = [
    ...newestFirst.map((version) => join(folder, version, 'opa')),
    ...(process.env.PATH ?? '')
      .split(delimiter)
      .filter((dir) => isAbsolute(dir))
      .map((dir) => join(dir, 'opa')),
  ]
  for (const path of candidates) {
    if (!(await isExecutable(path))) continue
    const { stdout } = await run(path, ['version'])
    const version = /^Version:\s*(\S+)/m.exec(stdout)?.[1] ?? 'unknown'
    if (wanted === null || wanted === version) return { path, version }
  }
  return null
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )

const run = (path: string, args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT, env: {}, killSignal: 'SIGKILL' as const }
    execFile(path, args, options, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number')
        reject(new Error(error.killed ? 'OPA gave no answer in time.' : 'OPA could not be run.'))
      else resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })

export interface Query {
  /** folder of rego and data files */
  dataDir: string
  inputFile: string
  query: string
}

/**
 * Evaluates a query. What it denies is listed: an empty list (or `true`) passes, anything in it (or `false`) fails.
 * Policies of before OPA 1.0 are understood too.
 * @throws Error with OPA's own words when the policy cannot be evaluated
 */
export async function evaluate(opa: Opa, { dataDir, inputFile, query }: Query): Promise<'passed' | 'failed'> {
  const first = await evaluateAs(opa, [], { dataDir, inputFile, query })
  const answer = first.code === 0 ? first : await evaluateAs(opa, ['--v0-compatible'], { dataDir, inputFile, query })
  if (answer.code !== 0) throw new Error(messageOf(first))
  return verdictOf(answer.stdout, query)
}

/** What reaches out of the evaluation is not there for policies: they are other people's code on this server. */
const withheld = ['http.send', 'net.lookup_ip_addr', 'opa.runtime']

async function evaluateAs(opa: Opa, mode: string[], { dataDir, inputFile, query }: Query): ReturnType<typeof run> {
  const known = await run(opa.path, ['capabilities', '--current', ...mode])
  if (known.code !== 0) return known
  const capabilities = JSON.parse(known.stdout) as { builtins: { name: string }[] }
  capabilities.builtins = capabilities.builtins.filter(({ name }) => !withheld.includes(name))
  const file = `${dataDir}.capabilities${mode.join('')}.json`
  await writeFile(file, JSON.stringify({ ...capabilities, allow_net: [] }), { mode: 0o600 })
  const args = ['eval', '--format', 'json', '--capabilities', file, '--data', dataDir, '--input', inputFile]
  return run(opa.path, [...args, ...mode, '--', query])
}

function verdictOf(stdout: string, query: string): 'passed' | 'failed' {
  const { result } = JSON.parse(stdout) as { result?: { expressions?: { value?: unknown }[] }[] }
  const value = result?.[0]?.expressions?.[0]?.value
  if (value === undefined) throw new Error(`The query ${query} is undefined: no policy defines it.`)
  if (typeof value === 'boolean') return value ? 'passed' : 'failed'
  if (Array.isArray(value)) return value.length === 0 ? 'passed' : 'failed'
  throw new Error(`The query ${query} must give a list or a boolean.`)
}

function messageOf({ stdout, stderr }: { stdout: string; stderr: string }): string {
  try {
    const { errors } = JSON.parse(stdout) as { errors?: { message: string }[] }
    if (errors?.length)
      return errors
        .map((e) => e.message)
        .join('; ')
        .slice(0, 1000)
  } catch {
    // not every failure is told as JSON
  }
  return stderr.trim().slice(0, 1000) || 'OPA failed without a word.'
}
