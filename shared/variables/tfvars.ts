import { Worker } from 'node:worker_threads'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { selectVariables, type VariableOwner } from './queries.ts'
import { createVariable, updateVariable } from './variables.ts'

const TIME_LIMIT_MS = 10_000
const HEAP_LIMIT_MB = 128
const MAX_BYTES = 512 * 1024
const MAX_VARIABLES = 500

const Answer = z.union([z.object({ values: z.record(z.string(), z.unknown()) }), z.object({ error: z.string() })])

interface Assignment {
  key: string
  value: string
  hcl: boolean
}

/**
 * Reads `key = value` lines of a terraform.tfvars, in a thread of its own with limits.
 * @throws problem 'invalid_attribute' when the text is no such file
 */
export async function readTfvars(text: string): Promise<Assignment[]> {
  if (Buffer.byteLength(text) > MAX_BYTES) throw invalid('text', `The text has at most ${MAX_BYTES / 1024} KB.`)
  const answer = await parseInThread(text)
  if ('error' in answer) throw invalid('text', `That cannot be read: ${answer.error.slice(0, 500)}`)
  const entries = Object.entries(answer.values)
  if (entries.length === 0) throw invalid('text', 'There is no assignment such as region = "eu-west-1" in it.')
  if (entries.length > MAX_VARIABLES) throw invalid('text', `At most ${MAX_VARIABLES} variables at once.`)
  return entries.map(([key, value]) => ({ key, ...literal(key, value) }))
}

function literal(key: string, value: unknown): Omit<Assignment, 'key'> {
  // what is no literal comes back as a template that is one expression
  if (/\$\{(?<!\$\$\{)/.test(JSON.stringify(value)))
    throw invalid('text', `${key} is not a plain value: a tfvars file holds no references.`)
  if (typeof value === 'string') return { value: value.replaceAll('$${', '${'), hcl: false }
  if (typeof value === 'object') return { value: JSON.stringify(value, null, 2), hcl: true }
  return { value: String(value), hcl: false }
}

function parseInThread(text: string): Promise<z.output<typeof Answer>> {
  return new Promise((resolve) => {
    const thread = new Worker(new URL('./tfvars-thread.ts', import.meta.url), {
      workerData: text,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
    })
    const end = (answer: unknown) => {
      clearTimeout(timer)
      resolve(Answer.safeParse(answer).data ?? { error: 'it takes too long, or holds no assignments' })
      void thread.terminate()
    }
    const timer = setTimeout(end, TIME_LIMIT_MS, null)
    thread.once('message', end)
    thread.once('error', () => end(null))
    thread.once('exit', () => end(null))
  })
}

/** Makes the variables, and gives those that are there already the new value. Sensitive ones stay sensitive. */
export async function importTfvars(
  app: App,
  tx: Tx,
  owner: VariableOwner,
  assignments: readonly Assignment[],
  by: string | null,
): Promise<{ created: number; updated: number }> {
  const { rows } = await selectVariables(tx, owner, null)
  const known = new Map(rows.filter((v) => v.category === 'terraform').map((v) => [v.key, v.id]))
  let updated = 0
  for (const { key, value, hcl } of assignments) {
    const id = known.get(key)
    if (id) {
      await updateVariable(app, tx, owner, id, { value, hcl }, by)
      updated++
    } else await createVariable(app, tx, owner, { key, value, hcl, category: 'terraform' }, by)
  }
  return { created: assignments.length - updated, updated }
}
