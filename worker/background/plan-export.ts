import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Header } from 'tar'
import type { App } from '../../shared/app.ts'
import { endPlanExport, selectOptionalPlanExport } from '../../shared/plan-exports/exports.ts'
import { sentinelMocks } from '../../shared/plan-exports/mocks.ts'
import { selectOptionalPhase, selectRun } from '../../shared/runs/queries.ts'

/** A larger plan would take several times its size of this process's memory. */
const MOST_BYTES = 32 * 1024 * 1024
const BLOCK = 512

/** Makes the file of a plan export. May be repeated: only one that is still queued is ended. */
export async function makePlanExport(app: App, id: string): Promise<void> {
  const wanted = await selectOptionalPlanExport(app.db, id)
  if (wanted?.status !== 'queued') return
  const plan = await selectOptionalPhase(app.db, wanted.plan_id)
  const json = plan?.plan_json_blob_id ? await smallJson(app, plan.plan_json_blob_id) : null
  if (!plan || !json) {
    await endPlanExport(app, app.db, id, 'errored', null)
    return
  }
  const run = await selectRun(app.db, plan.run_id)
  const files = sentinelMocks(json, {
    id: run.id,
    createdAt: run.created_at.toISOString(),
    message: run.message,
    isDestroy: run.is_destroy,
    refresh: run.refresh,
    targetAddrs: run.target_addrs,
    workspace: { id: run.workspace_id, name: run.workspace_name },
    organization: run.organization_name,
  })
  const archive = await promisify(gzip)(tarOf(files, run.created_at))
  const { id: blobId } = await app.blobs.put(Readable.from([archive]), {
    maxBytes: 2 * MOST_BYTES,
    tooLarge: 'The export is too large.',
  })
  await endPlanExport(app, app.db, id, 'finished', blobId)
}

async function smallJson(app: App, blobId: string): Promise<Record<string, unknown> | null> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of (await app.blobs.read(blobId)) as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MOST_BYTES) return null
    parts.push(part)
  }
  return JSON.parse(Buffer.concat(parts).toString())
}

function tarOf(files: ReadonlyMap<string, Buffer>, mtime: Date): Buffer {
  const parts: Buffer[] = []
  for (const [path, content] of files) {
    const header = new Header({ path, size: content.length, mode: 0o644, type: 'File', mtime })
    header.encode()
    parts.push(header.block!, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK))
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}
