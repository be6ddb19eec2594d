import { Worker } from 'node:worker_threads'
import type { App } from '../../shared/app.ts'
import type { StateResource, StateSummary } from '../../shared/states/contents.ts'
import { insertOutputs } from '../../shared/states/outputs.ts'
import { selectOptionalStateVersion } from '../../shared/states/queries.ts'
import { insertResources, markProcessed } from '../../shared/states/resources.ts'

/** What the thread answers to one piece of the state, and to its end. */
export interface Read {
  batches: StateResource[][]
  summary?: StateSummary
}

const THREAD_HEAP_MB = 1024

/**
 * Counts what a large state holds. A thread of its own reads it piece by piece, so that neither this process's other
 * jobs wait nor its memory grows with the state. May be repeated: what is there already stays.
 */
export async function processState(app: App, stateVersionId: string): Promise<void> {
  const version = await selectOptionalStateVersion(app.db, stateVersionId)
  if (!version?.raw_blob_id || version.resources_processed) return
  const thread = new Worker(new URL('./state-thread.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
  })
  try {
    for await (const piece of await app.blobs.read(version.raw_blob_id)) {
      await keep(app, stateVersionId, await ask(thread, piece))
    }
    const last = await ask(thread, null)
    await keep(app, stateVersionId, last)
    await app.db.transaction(async (tx) => {
      // those that the client told with the state are there already, and are better typed
      if (version.output_ids.length === 0) await insertOutputs(app, tx, stateVersionId, last.summary!.outputs)
      await markProcessed(tx, stateVersionId, last.summary!)
    })
  } finally {
    await thread.terminate()
  }
}

async function keep(app: App, stateVersionId: string, { batches }: Read): Promise<void> {
  for (const batch of batches) await insertResources(app.db, stateVersionId, batch)
}

/** One piece at a time: the next is read when the thread has answered. */
function ask(thread: Worker, piece: Buffer | null): Promise<Read> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit)
      act()
    }
    const onMessage = (read: Read) => settle(() => resolve(read))
    const onError = (error: Error) => settle(() => reject(error))
    const onExit = (code: number) => settle(() => reject(new Error(`the thread that reads the state ended (${code})`)))
    thread.on('message', onMessage).on('error', onError).on('exit', onExit)
    thread.postMessage(piece)
  })
}
