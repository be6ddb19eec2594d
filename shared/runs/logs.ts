import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { LIVE_CHANNEL } from '../live.ts'
import { ClaimLost } from '../phase.ts'

// The whole log of a phase is one byte string: STX, the engine's output, and ETX once the phase ends.
// Source: shared/api/cli-protocol.md 2.4 (go-tfe logreader.go).
// STX is written when the phase is taken (hold.ts), ETX when it ends (record.ts).

const ChunkRow = z.object({ start_offset: z.number(), data: z.instanceof(Buffer) })

/** Largest piece in one row. */
const CHUNK = 64 * 1024
/** Rows read at a time: a chatty engine leaves many small ones. */
const ROWS = 500

/**
 * In one statement: what a claim may write is written whole.
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
  if (bytes.length === 0) return
  const pieces: { offset: number; data: Buffer; before: number }[] = []
  let breaks = 0
  for (let offset = 0; offset < bytes.length; offset += CHUNK) {
    const data = bytes.subarray(offset, offset + CHUNK)
    pieces.push({ offset, data, before: breaks })
    breaks += lineBreaks(data)
  }
  const stored = await tx.maybeOne(sql.type(SizeRow)`
    with grown as (
      update phases
      set log_size = log_size + ${bytes.length}, log_line_breaks = log_line_breaks + ${breaks}
      where id = ${phaseId} and not log_closed and claim = ${claim} and status = 'running'
        and (${at}::bigint is null or log_size = ${at})
      returning log_size, log_size - ${bytes.length} as start, log_line_breaks - ${breaks} as breaks),
    piece as (
      insert into log_chunks (phase_id, start_offset, data, line_breaks_before)
      select ${phaseId}, g.start + p.piece_offset, p.data, g.breaks + p.breaks_before
      from grown g
      cross join unnest(${sql.array(
        pieces.map(({ offset }) => offset),
        'int8',
      )}, ${sql.array(
        pieces.map(({ data }) => data),
        'bytea',
      )}, ${sql.array(
        pieces.map(({ before }) => before),
        'int8',
      )}) as p (piece_offset, data, breaks_before))
    select log_size, pg_notify(${LIVE_CHANNEL}, ${`log:${phaseId} `})::text
    from grown`)
  if (stored) return
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
