import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { LIVE_CHANNEL } from '../live.ts'
import { ClaimLost } from '../phase.ts'

// The whole log of a phase is one byte string: STX, the engine's output, and ETX once the phase ends.
// Source: shared/api/cli-protocol.md 2.4 (go-tfe logreader.go).
const STX = Buffer.from([2])
const ETX = Buffer.from([3])

const StartRow = z.object({ start: z.number(), breaks: z.number() })
const ChunkRow = z.object({ start_offset: z.number(), data: z.instanceof(Buffer) })

/** Largest piece in one row. */
const CHUNK = 64 * 1024
/** Rows read at a time: a chatty engine leaves many small ones. */
const ROWS = 500

async function append(
  tx: Tx,
  phaseId: string,
  claim: number | null,
  bytes: Buffer,
  close: boolean,
  at: number | null = null,
): Promise<boolean> {
  if (bytes.length === 0) return true
  const breaks = lineBreaks(bytes)
  // one statement for the common piece: size, first row and wake-up
  const row = await tx.maybeOne(sql.type(StartRow)`
    with grown as (
      update phases
      set log_size = log_size + ${bytes.length}, log_closed = ${close},
        log_line_breaks = log_line_breaks + ${breaks}
      where id = ${phaseId} and not log_closed and (${claim}::int is null or (claim = ${claim} and status = 'running'))
        and (${at}::bigint is null or log_size = ${at})
      returning log_size - ${bytes.length} as start, log_line_breaks - ${breaks} as breaks),
    first as (
      insert into log_chunks (phase_id, start_offset, data, line_breaks_before)
      select ${phaseId}, start, ${sql.binary(bytes.subarray(0, CHUNK))}, breaks
      from grown)
    select start, breaks, pg_notify(${LIVE_CHANNEL}, ${`log:${phaseId} `})::text
    from grown`)
  if (!row) return false
  let before = row.breaks + lineBreaks(bytes.subarray(0, CHUNK))
  for (let at = CHUNK; at < bytes.length; at += CHUNK) {
    const piece = bytes.subarray(at, at + CHUNK)
    await tx.query(sql.void`
      insert into log_chunks (phase_id, start_offset, data, line_breaks_before)
      values (${phaseId}, ${row.start + at}, ${sql.binary(piece)}, ${before})`)
    before += lineBreaks(piece)
  }
  return true
}

/** Starts the log, unless a former worker did. */
export async function openLog(tx: Tx, phaseId: string): Promise<void> {
  await append(tx, phaseId, null, STX, false, 0)
}

/**
 * @param at where the piece goes, from a writer that may write it twice: what is stored already is not stored again
 * @throws ClaimLost when the phase is held by another claim or has ended
 */
export async function appendLog(
  tx: Tx,
  phaseId: string,
  claim: number,
  bytes: Buffer,
  at: number | null = null,
): Promise<void> {
  if (await append(tx, phaseId, claim, bytes, false, at)) return
  if (at !== null && (await selectLogSize(tx, phaseId, claim)) === at + bytes.length) return
  throw new ClaimLost()
}

const SizeRow = z.object({ log_size: z.number() })

/** Bytes in the log. @throws ClaimLost */
export async function selectLogSize(tx: Tx, phaseId: string, claim: number): Promise<number> {
  const row = await tx.maybeOne(sql.type(SizeRow)`
    select log_size
    from phases
    where id = ${phaseId} and claim = ${claim} and status = 'running'`)
  if (!row) throw new ClaimLost()
  return row.log_size
}

/** Ends the log, in the transaction that makes the phase terminal. A log that never began gets both marks. */
export async function closeLog(tx: Tx, phaseId: string): Promise<void> {
  await openLog(tx, phaseId)
  await append(tx, phaseId, null, ETX, true)
}

/**
 * One piece of a log. `offset` and `limit` count bytes of the byte string; at and past the end the answer is empty,
 * not an error.
 */
export async function readLog(tx: Tx, phaseId: string, range: { offset: number; limit: number }): Promise<Buffer> {
  const end = range.offset + range.limit
  const pieces: Buffer[] = []
  for (let wanted = range.offset; wanted < end; ) {
    const chunks = await tx.any(sql.type(ChunkRow)`
      select start_offset, data
      from log_chunks
      where phase_id = ${phaseId}
        and start_offset >= coalesce((
          select max(start_offset)
          from log_chunks
          where phase_id = ${phaseId} and start_offset <= ${wanted}), 0)
        and start_offset < ${end}
      order by start_offset
      limit ${ROWS}`)
    const before = wanted
    for (const { start_offset, data } of chunks) {
      const piece = data.subarray(wanted - start_offset, end - start_offset)
      pieces.push(piece)
      wanted += piece.length
    }
    if (wanted === before || chunks.length < ROWS) break
  }
  return Buffer.concat(pieces)
}

const NEWLINE = 10

function lineBreaks(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}

const BreaksRow = z.object({ start_offset: z.number(), breaks: z.number() })

/** How many lines end before this byte. */
export async function countLineBreaks(tx: Tx, phaseId: string, offset: number): Promise<number> {
  const before = await tx.maybeOne(sql.type(BreaksRow)`
    select last.start_offset, last.line_breaks_before as breaks
    from log_chunks last
    where last.phase_id = ${phaseId} and last.start_offset <= ${offset}
    order by last.start_offset desc
    limit 1`)
  if (!before) return 0
  const rest = await readLog(tx, phaseId, { offset: before.start_offset, limit: offset - before.start_offset })
  return before.breaks + lineBreaks(rest)
}
