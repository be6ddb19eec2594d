import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { z } from 'zod'
import type { Pool, Tx } from '../db/pool.ts'
import { sql } from '../db/sql.ts'
import { problem } from './errors.ts'
import { newId } from './ids.ts'
import type { Secrets } from './secrets.ts'

/**
 * Binary data in Postgres: chunks of 1 MiB, compressed and sealed each, streamed in and out with flat memory.
 * Everything binary goes through here, so that an object store can take its place.
 */
export interface StoredBlob {
  id: string
  sizeBytes: number
  /** hex */
  md5: string
  sha256: Buffer
}

export interface Blobs {
  /**
   * Stores a stream. Nothing refers to the blob until the caller writes its id into a row; until then, and
   * when the source breaks, the sweep removes it.
   * @throws problem 'too_large' when more than maxBytes arrive (nothing is kept)
   */
  put(source: AsyncIterable<Uint8Array>, options: { maxBytes: number; tooLarge: string }): Promise<StoredBlob>
  /** @throws problem 'corrupt' while streaming, when a chunk was changed or is missing */
  read(id: string): Promise<Readable>
  /** The whole blob in memory: only for what is known to be small. */
  bytes(id: string, maxBytes: number): Promise<Buffer>
  remove(tx: Tx, id: string): Promise<void>
}

const CHUNK = 1024 * 1024
const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)
const STORED = 0
const ZSTD = 1

const PROBE = 32 * 1024
/** Read with the first look at the blob. */
const SMALL = 64 * 1024
/** Chunks in work at once, of all uploads and downloads: each takes several times its size for a moment. */
const AT_ONCE = 3

/**
 * null when compression does not pay: archives are compressed already, and a look at the beginning of a chunk saves the
 * attempt.
 */
async function compressed(clear: Buffer): Promise<Buffer | null> {
  const probe = clear.subarray(0, PROBE)
  const packed = await compress(probe)
  if (packed.length >= probe.length * 0.97) return null
  return clear.length <= PROBE ? packed : compress(clear, { chunkSize: clear.length })
}

/** Runs what it is given, a few at a time and in order. */
function turnstile(width: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let inside = 0
  return async (work) => {
    if (inside >= width) await new Promise<void>((resolve) => waiting.push(resolve))
    else inside++
    try {
      return await work()
    } finally {
      // who waits takes this place
      const next = waiting.shift()
      if (next) next()
      else inside--
    }
  }
}

/** base64: pg would take bytea as hex, which is half as much again. */
const ChunkRow = z.object({ data: z.string() })
const BlobRow = z.object({ size_bytes: z.number(), first: z.string().nullable() })

/** Each statement may be done twice, as db/patient.ts does when an answer was lost: what is there already stays. */
export function openBlobs(pool: Pool, secrets: Secrets): Blobs {
  const inTurn = turnstile(AT_ONCE)

  /** `flagged`: a byte for the form, then the clear bytes. One megabyte at a time passes here: copies are counted. */
  async function sealed(id: string, seq: number, flagged: Buffer): Promise<Buffer> {
    const packed = await compressed(flagged.subarray(1))
    flagged[0] = STORED
    const body = packed ? Buffer.concat([Buffer.from([ZSTD]), packed]) : flagged
    return secrets.seal(body, `${id}:${seq}`)
  }

  async function writeChunk(id: string, seq: number, flagged: Buffer): Promise<void> {
    const data = await sealed(id, seq, flagged)
    await pool.query(sql.void`
      insert into blob_chunks (blob_id, seq, data)
      values (${id}, ${seq}, ${sql.binary(data)})
      on conflict do nothing`)
  }

  const complete = ({ id, sizeBytes, sha256, md5 }: StoredBlob) =>
    pool.query(sql.void`
      update blobs
      set size_bytes = ${sizeBytes}, sha256 = ${sql.binary(sha256)}, md5 = ${sql.binary(Buffer.from(md5, 'hex'))},
        completed_at = now()
      where id = ${id}`)

  /** What fits one chunk is one statement. */
  async function writeWhole({ id, sizeBytes, sha256, md5 }: StoredBlob, flagged: Buffer): Promise<void> {
    const data = flagged.length > 1 ? await sealed(id, 0, flagged) : null
    await pool.query(sql.void`
      with blob as (
        insert into blobs (id, data_key_id, size_bytes, sha256, md5, completed_at)
        values (${id}, ${secrets.currentKeyId}, ${sizeBytes}, ${sql.binary(sha256)},
          ${sql.binary(Buffer.from(md5, 'hex'))}, now())
        on conflict do nothing
        returning id)
      insert into blob_chunks (blob_id, seq, data)
      select id, 0, ${data ? sql.binary(data) : null}::bytea
      from blob
      where ${data !== null}`)
  }

  async function readChunk(id: string, seq: number): Promise<Buffer> {
    const row = await pool.maybeOne(sql.type(ChunkRow)`
      select encode(data, 'base64') as data
      from blob_chunks
      where blob_id = ${id} and seq = ${seq}`)
    return opened(id, seq, row?.data)
  }

  async function opened(id: string, seq: number, data: string | null | undefined): Promise<Buffer> {
    if (data == null) throw problem('corrupt', `A part of the stored bytes (${id}) is missing.`)
    const bytes = secrets.open(Buffer.from(data, 'base64'), `${id}:${seq}`)
    return bytes[0] === ZSTD ? decompress(bytes.subarray(1)) : bytes.subarray(1)
  }

  const remove = async (tx: Tx, id: string): Promise<void> => {
    await tx.query(sql.void`delete from blobs where id = ${id}`)
  }

  /** Most blobs are one small chunk: it comes along with the size. */
  async function find(id: string): Promise<z.output<typeof BlobRow>> {
    const row = await pool.maybeOne(sql.type(BlobRow)`
      select b.size_bytes, encode(c.data, 'base64') as first
      from blobs b
      left join blob_chunks c on c.blob_id = b.id and c.seq = 0 and b.size_bytes <= ${SMALL}
      where b.id = ${id} and b.completed_at is not null`)
    if (!row) throw problem('not_found')
    return row
  }

  const chunksOf = ({ size_bytes }: { size_bytes: number }) => Math.ceil(size_bytes / CHUNK)

  async function* parts(id: string, blob: z.output<typeof BlobRow>): AsyncGenerator<Buffer> {
    if (blob.first !== null) yield await opened(id, 0, blob.first)
    else for (let seq = 0; seq < chunksOf(blob); seq++) yield await inTurn(() => readChunk(id, seq))
  }

  return {
    remove,
    async put(source, { maxBytes, tooLarge }) {
      const id = newId('blob')
      const sha256 = createHash('sha256')
      const md5 = createHash('md5')
      let sizeBytes = 0
      let seq = 0
      // filled again and again: an upload holds one chunk, however long it is
      const chunk = Buffer.allocUnsafeSlow(1 + CHUNK)
      let filled = 1
      const begin = () =>
        pool.query(sql.void`
          insert into blobs (id, data_key_id)
          values (${id}, ${secrets.currentKeyId})
          on conflict do nothing`)
      try {
        for await (const part of source) {
          sizeBytes += part.length
          if (sizeBytes > maxBytes) throw problem('too_large', tooLarge)
          sha256.update(part)
          md5.update(part)
          for (let taken = 0; taken < part.length; ) {
            const piece = part.subarray(taken, taken + chunk.length - filled)
            chunk.set(piece, filled)
            taken += piece.length
            filled += piece.length
            if (filled < chunk.length) continue
            if (seq === 0) await begin()
            await inTurn(() => writeChunk(id, seq++, chunk))
            filled = 1
          }
        }
        const stored = { id, sizeBytes, md5: md5.digest('hex'), sha256: sha256.digest() }
        if (seq === 0) {
          await inTurn(() => writeWhole(stored, chunk.subarray(0, filled)))
          return stored
        }
        if (filled > 1) await inTurn(() => writeChunk(id, seq++, chunk.subarray(0, filled)))
        await complete(stored)
        return stored
      } catch (error) {
        // best effort: the sweep of incomplete blobs removes what a dead database keeps us from removing now
        await remove(pool, id).catch(() => {})
        throw error
      }
    },
    async read(id) {
      return Readable.from(parts(id, await find(id)), { objectMode: false, highWaterMark: CHUNK })
    },
    async bytes(id, maxBytes) {
      const blob = await find(id)
      if (blob.size_bytes > maxBytes)
        throw problem('too_large', `The stored object has ${blob.size_bytes} bytes; this view takes ${maxBytes}.`)
      return Buffer.concat(await Array.fromAsync(parts(id, blob)))
    },
  }
}
