import { createReadStream } from 'node:fs'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { type PlanSummary, redactPlan, summarizePlan } from './plan-json.ts'
import { SecretMask } from './secret-mask.ts'

/** From this size on a plan is parsed in a thread of its own: heartbeats are timers of this event loop. */
const INLINE_BYTES = 1024 * 1024

export interface PlanFileTask {
  /** `show -json` of the plan */
  plan: string
  /** where the redacted plan goes, as one JSON object */
  redacted: string
  refreshOnly: boolean
  /** hidden wherever they stand */
  secrets: readonly string[]
}

/** Reads the plan JSON once: its summary, and the redacted plan as a file. */
export async function readPlanFile(task: PlanFileTask): Promise<PlanSummary> {
  return (await stat(task.plan)).size <= INLINE_BYTES ? readPlanFileHere(task) : readPlanFileInThread(task)
}

export async function readPlanFileHere(task: PlanFileTask): Promise<PlanSummary> {
  const plan = JSON.parse(await readFile(task.plan, 'utf8'))
  await writeFile(task.redacted, JSON.stringify(redactPlan(plan, new SecretMask(task.secrets))), { mode: 0o600 })
  return summarizePlan(plan, { refreshOnly: task.refreshOnly })
}

function readPlanFileInThread(task: PlanFileTask): Promise<PlanSummary> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./plan-thread.ts', import.meta.url), { workerData: task, env: {} })
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`the thread that reads the plan ended early (exit ${code})`)))
  })
}

/**
 * The redacted plan with `providers schema -json` merged in. The schemas (tens of megabytes for a big provider) are
 * copied, not parsed: the engines write them as `{"format_version":"…","provider_schemas":{…}}`.
 */
export async function redactedWithSchemas(redactedFile: string, schemaFile: string): Promise<Readable> {
  const redacted = await readFile(redactedFile, 'utf8')
  const { head, sizeBytes } = await readHead(schemaFile)
  const found = /^\{"format_version":("[^"]*"),(?="provider_schemas":\{)/.exec(head)
  // Without any provider the engines leave out the schemas.
  if (!found) return Readable.from([Buffer.from(redacted)])
  const start = Buffer.from(`${redacted.slice(0, -1)},"provider_format_version":${found[1]},`)
  return Readable.from(concat(start, createReadStream(schemaFile, { start: found[0].length, end: sizeBytes - 1 })))
}

async function* concat(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield start
  yield* rest
}

async function readHead(path: string): Promise<{ head: string; sizeBytes: number }> {
  const file = await open(path)
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(256), 0, 256, 0)
    return { head: buffer.toString('latin1', 0, bytesRead), sizeBytes: (await file.stat()).size }
  } finally {
    await file.close()
  }
}
