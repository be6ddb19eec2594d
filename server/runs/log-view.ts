import type { Tx } from '../../db/pool.ts'
import { countLineBreaks, readLog } from '../../shared/runs/logs.ts'
import type { Phase } from '../../shared/runs/queries.ts'
import type { Context } from '../route.ts'
import { type Diagnostic, type LogLine, LogReader } from './log-lines.ts'
import { type LogStep, logSteps } from './log-steps.ts'

const PAGE_BYTES = 512 * 1024
const PAGE_LINES = 1000
const NEWLINE = 10

export interface NumberedLine extends LogLine {
  /** null: it goes on with the line before */
  number: number | null
}

export const numbered = (lines: readonly LogLine[], first: number): NumberedLine[] =>
  lines.map((line) => ({ ...line, number: line.isFirst ? first + line.row : null }))

export interface LogView {
  /** Lines by step, in the order of the steps. */
  parts: { step: LogStep; lines: NumberedLine[] }[]
  /** Number of the last line. */
  lastNumber: number
  /** The step that the next line belongs to, unless it begins another; null before the first line. */
  step: LogStep | null
  /** Bytes that are in the page: the live stream goes on from here. */
  position: number
  /** Byte at which the first line begins; null: nothing is left out. */
  olderTo: number | null
  isOpen: boolean
  errors: { diagnostic: Diagnostic; number: number | null }[]
}

/** The end of a phase's log, at most 1,000 lines. */
export async function logView(ctx: Context, phase: Phase): Promise<LogView | null> {
  if (phase.log_size <= 2 && phase.status !== 'running') return null
  const start = Math.max(0, phase.log_size - PAGE_BYTES)
  let bytes = await readLog(ctx.app.db, phase.id, { offset: start, limit: phase.log_size - start })
  let skipped = 0
  if (start > 0) {
    skipped = bytes.indexOf(NEWLINE) + 1
    bytes = bytes.subarray(skipped)
  }
  const reader = new LogReader(start > 0 ? 'main' : undefined)
  const { lines, taken, rows } = reader.read(bytes, phase.log_closed)
  const breaks = start > 0 ? await countLineBreaks(ctx.app.db, phase.id, start + skipped) : 0
  const shown = numbered(lines.slice(-PAGE_LINES), breaks + 1)
  const isCut = start > 0 || shown.length < lines.length
  return {
    parts: logSteps.map((step) => ({ step, lines: shown.filter((line) => line.step === step) })),
    lastNumber: breaks + rows,
    step: reader.steps.present,
    position: start + skipped + taken,
    olderTo: isCut ? start + skipped + (shown[0]?.at ?? 0) : null,
    isOpen: !phase.log_closed,
    errors: errorsIn(shown),
  }
}

const ERRORS_SHOWN = 20

/** What the engine says is wrong: told as data, or drawn as a box of text. */
function errorsIn(lines: readonly NumberedLine[]): LogView['errors'] {
  const found: LogView['errors'] = []
  for (const [i, line] of lines.entries()) {
    if (found.length === ERRORS_SHOWN) break
    const { number, diagnostic } = line
    if (diagnostic?.severity === 'error') found.push({ diagnostic, number })
    else if (!line.tone) {
      const [, summary] = /^(?:│\s*)?Error: (.+)/.exec(textOf(line)) ?? []
      if (summary) found.push({ diagnostic: boxed(summary, lines.slice(i + 1, i + 40)), number })
    }
  }
  return found
}

const textOf = (line: LogLine): string => line.segments.map((s) => s.text).join('')

/** Up to the end of the box, or to the next error. */
function boxed(summary: string, following: readonly LogLine[]): Diagnostic {
  const diagnostic: Diagnostic = {
    severity: 'error',
    summary,
    detail: '',
    address: '',
    place: '',
    context: '',
    code: '',
  }
  for (const line of following) {
    const text = textOf(line).replace(/^│ ?/, '')
    if (/^\s*╵/.test(text) || /^Error: /.test(text)) break
    const [, file, number, context] = /^\s*on (.+) line (\d+)(?:, in (.+))?:$/.exec(text) ?? []
    const [, address] = /^\s*with (.+),$/.exec(text) ?? []
    if (file) {
      diagnostic.place = `${file}:${number}`
      diagnostic.context = context ?? ''
    } else if (address) diagnostic.address = address
    else if (/^\s*\d+:/.test(text)) diagnostic.code += `${text.trim()}\n`
    else diagnostic.detail += `${text.trim()}\n`
  }
  diagnostic.detail = diagnostic.detail.trim()
  diagnostic.code = diagnostic.code.trim()
  return diagnostic
}

export interface LogWindow {
  lines: NumberedLine[]
  /** Byte at which it begins and ends. */
  from: number
  to: number
  isStart: boolean
  isEnd: boolean
}

/** Up to 1,000 lines from a byte on, or before one. */
export async function logWindow(tx: Tx, phase: Phase, place: { from: number } | { to: number }): Promise<LogWindow> {
  const isBefore = 'to' in place
  const edge = Math.min(isBefore ? place.to : place.from, phase.log_size)
  const start = isBefore ? Math.max(0, edge - PAGE_BYTES) : edge
  const end = isBefore ? edge : Math.min(phase.log_size, edge + PAGE_BYTES)
  let bytes = await readLog(tx, phase.id, { offset: start, limit: end - start })
  const skipped = isBefore && start > 0 ? bytes.indexOf(NEWLINE) + 1 : 0
  bytes = bytes.subarray(skipped)
  const { lines, taken } = new LogReader('main').read(
    bytes,
    isBefore || end === phase.log_size || !bytes.includes(NEWLINE),
  )
  const shown = isBefore ? lines.slice(-PAGE_LINES) : lines.slice(0, PAGE_LINES)
  const base = start + skipped
  const from = shown[0] ? base + shown[0].at : base
  const to = isBefore ? edge : base + (lines[PAGE_LINES]?.at ?? taken)
  return {
    lines: numbered(shown, (await countLineBreaks(tx, phase.id, base)) + 1),
    from,
    to,
    isStart: from <= 1,
    isEnd: to >= phase.log_size - 1,
  }
}

export interface Found {
  text: string
  /** Byte at which its line begins. */
  at: number
}

const FIND_PIECE = 1024 * 1024
const FOUND_SHOWN = 200

/** Lines with the text in them, whatever its case; the first 200. */
export async function findInLog(tx: Tx, phase: Phase, text: string): Promise<Found[]> {
  const wanted = text.toLowerCase()
  const found: Found[] = []
  for (let offset = 0; offset < phase.log_size && found.length < FOUND_SHOWN; ) {
    const bytes = await readLog(tx, phase.id, { offset, limit: FIND_PIECE })
    if (bytes.length === 0) break
    const isEnd = offset + bytes.length >= phase.log_size || !bytes.includes(NEWLINE)
    const whole = isEnd ? bytes : bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1)
    // most pieces hold nothing: only those that do are cut into lines
    if (whole.toString('utf8').toLowerCase().includes(wanted)) {
      for (const line of new LogReader('main').read(whole, isEnd).lines) {
        const shown = textOf(line)
        if (shown.toLowerCase().includes(wanted)) found.push({ text: shown.slice(0, 500), at: offset + line.at })
        if (found.length === FOUND_SHOWN) break
      }
    }
    offset += whole.length
  }
  return found
}
