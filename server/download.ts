import { pipeline } from 'node:stream/promises'
import { Problem, problem } from '../shared/errors.ts'
import type { Context } from './route.ts'

export interface Download {
  /** blob id */
  id: string
  /** the object that a reader knows: named when its bytes are damaged */
  of: string
  sizeBytes: number
  type: string
  fileName?: string
}

const SMALL = 1024 * 1024
const CHECKED_FIRST = 16 * 1024 * 1024

/**
 * Streams a blob with its length. What fits is checked before the first byte leaves, so that damage is an answer with
 * status 500; in a bigger one it cuts the connection before the damaged part.
 * @throws problem 'corrupt' naming the object
 */
export async function sendBlob(ctx: Context, download: Download): Promise<void> {
  const { app, koa } = ctx
  koa.type = download.type
  koa.set('Content-Length', String(download.sizeBytes))
  if (download.fileName) koa.set('Content-Disposition', `attachment; filename="${download.fileName}"`)
  if (koa.method === 'HEAD') {
    koa.status = 200
    koa.respond = false
    koa.res.end()
    return
  }
  try {
    if (download.sizeBytes <= SMALL) {
      koa.body = await app.blobs.bytes(download.id, SMALL)
      return
    }
    if (download.sizeBytes <= CHECKED_FIRST) await readThrough(await app.blobs.read(download.id))
    const parts = (await app.blobs.read(download.id))[Symbol.asyncIterator]()
    const first = await parts.next()
    koa.status = 200
    koa.respond = false
    await pipeline(async function* () {
      if (!first.done) yield first.value
      yield* parts as AsyncIterable<Buffer>
    }, koa.res)
  } catch (error) {
    // the reader went away
    if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return
    if (!(error instanceof Problem) || error.problem !== 'corrupt') throw error
    app.log.error({ of: download.of, err: error.message }, 'stored bytes are damaged')
    koa.remove('Content-Length')
    koa.remove('Content-Disposition')
    throw problem('corrupt', {
      detail: `The stored bytes of ${download.of} fail their check and are not served. Other objects are not affected.`,
      cause: error,
    })
  }
}

async function readThrough(stream: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of stream);
}
