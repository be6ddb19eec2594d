import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

// As the log of a run's phase: STX, the engine's output, ETX. Source: shared/api/cli-protocol.md 2.4.
const STX = Buffer.from([2])
const ETX = Buffer.from([3])

const CHUNK = 64 * 1024

const StartRow = z.object({ start: z.number() })
const ChunkRow = z.object({ start_offset: z.number(), data: z.instanceof(Buffer) })

async function append(tx: Tx, id: string, bytes: Buffer): Promise<boolean> {
  const row = await tx.maybeOne(sql.type(StartRow)`
    update test_runs
    set log_size = log_size + ${bytes.length}
    where id = ${id}
    returning log_size - ${bytes.length} as start`)
  if (!row) return false
  for (let at = 0; at < bytes.length; at += CHUNK) {
    await tx.query(sql.void`
      insert into test_run_log_chunks (test_run_id, start_offset, data)
      values (${id}, ${row.start + at}, ${sql.binary(bytes.subarray(at, at + CHUNK))})`)
  }
  return true
}

const isEmpty = async (tx: Tx, id: string): Promise<boolean> =>
  (await tx.maybeOne(sql.type(StartRow)`
    select log_size as start
    from test_runs
    where id = ${id} and log_size = 0`)) !== null

/** Appends output of a test run that is running. False: it has ended, and the worker is to stop. */
export async function appendTestLog(tx: Tx, id: string, bytes: Buffer): Promise<boolean> {
  const running = await tx.maybeOne(sql.type(StartRow)`
    select log_size as start
    from test_runs
    where id = ${id} and status = 'running'
    for update`)
  return running !== null && append(tx, id, running.start === 0 ? Buffer.concat([STX, bytes]) : bytes)
}

export async function closeTestLog(tx: Tx, id: string): Promise<void> {
  await append(tx, id, (await isEmpty(tx, id)) ? Buffer.concat([STX, ETX]) : ETX)
}

/** A piece of the byte string; past its end it is empty. `limit` bytes at most. */
export async function readTestLog(tx: Tx, id: string, range: { offset: number; limit: number }): Promise<Buffer> {
  const end = range.offset + range.limit
  const chunks = await tx.any(sql.type(ChunkRow)`
    select start_offset, data
    from test_run_log_chunks
    where test_run_id = ${id} and start_offset < ${end} and start_offset > ${range.offset - CHUNK - 1}
    order by start_offset`)
  const pieces = chunks.map(({ start_offset, data }) =>
    data.subarray(Math.max(0, range.offset - start_offset), Math.max(0, end - start_offset)),
  )
  return Buffer.concat(pieces)
}
