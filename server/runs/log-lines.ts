import { type LogStep, StepFinder } from './log-steps.ts'

/**
 * The log of a phase for people. Terminal text: colours become classes, every other control sequence (cursor, title,
 * links, paste marks) is left out, and characters that reorder text are spelled out. Lines of terraform's JSON UI
 * stream become their message.
 */
export interface Segment {
  text: string
  /** '' or classes of app.css, such as `a-r a-b` */
  css: string
}
export interface LogLine {
  segments: Segment[]
  tone: '' | 'error' | 'warn'
  step: LogStep
  /** Byte at which it begins, counted from the first byte that was read with it. */
  at: number
  /** Line of the log that it is of, counted from the first that was read with it; one line of data is shown as several. */
  row: number
  isFirst: boolean
  /** On its first line, when the engine told it as data. */
  diagnostic?: Diagnostic
}
type BareLine = Omit<LogLine, 'step' | 'at' | 'row' | 'isFirst'>

/** What the engine says is wrong. */
export interface Diagnostic {
  severity: 'error' | 'warning'
  summary: string
  detail: string
  address: string
  /** `main.tf:3` */
  place: string
  context: string
  code: string
}

// OSC, DCS and the like up to their end; CSI of any kind; two-character escapes; the C1 forms of both
const sequences =
  /\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|\x1b/g
const colour = /^(?:\x1b\[|\x9b)([0-9;]*)m$/
const reordering = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g

const foregrounds = ['a-d', 'a-r', 'a-g', 'a-y', 'a-l', 'a-m', 'a-c', '']

interface Style {
  bold: boolean
  dim: boolean
  italic: boolean
  underline: boolean
  fore: string
}
const plain: Style = { bold: false, dim: false, italic: false, underline: false, fore: '' }

function styled(style: Style, codes: string): Style {
  let next = style
  const numbers = codes === '' ? [0] : codes.split(';').map(Number)
  for (let i = 0; i < numbers.length; i++) {
    const n = numbers[i]!
    if (n === 0) next = plain
    else if (n === 1) next = { ...next, bold: true }
    else if (n === 2) next = { ...next, dim: true }
    else if (n === 3) next = { ...next, italic: true }
    else if (n === 4) next = { ...next, underline: true }
    else if (n === 22) next = { ...next, bold: false, dim: false }
    else if (n === 23) next = { ...next, italic: false }
    else if (n === 24) next = { ...next, underline: false }
    else if (n === 39) next = { ...next, fore: '' }
    else if (n >= 30 && n <= 37) next = { ...next, fore: foregrounds[n - 30]! }
    else if (n >= 90 && n <= 97) next = { ...next, fore: foregrounds[n - 90]! }
    // 256 and true colours: their parameters are skipped, the text keeps its colour
    else if (n === 38 || n === 48) i += numbers[i + 1] === 5 ? 2 : numbers[i + 1] === 2 ? 4 : 0
  }
  return next
}

const cssOf = (s: Style): string =>
  [s.fore, s.bold && 'a-b', s.dim && 'a-d', s.italic && 'a-i', s.underline && 'a-u'].filter(Boolean).join(' ')

const visible = (text: string): string =>
  text
    .replace(reordering, (c) => `<U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}>`)
    .replace(controls, (c) => (c === '\0' ? '␀' : ''))

function terminalLine(text: string, style: Style): { line: BareLine; style: Style } {
  const segments: Segment[] = []
  const add = (piece: string) => {
    const shown = visible(piece)
    if (shown !== '') segments.push({ text: shown, css: cssOf(style) })
  }
  let at = 0
  for (const match of text.matchAll(sequences)) {
    add(text.slice(at, match.index))
    at = match.index + match[0].length
    const codes = colour.exec(match[0])
    if (codes) style = styled(style, codes[1]!)
  }
  add(text.slice(at))
  return { line: { segments, tone: '' }, style }
}

interface UiMessage {
  '@level'?: string
  '@message'?: string
  type?: string
  diagnostic?: {
    severity?: string
    summary?: string
    detail?: string
    address?: string
    range?: { filename?: string; start?: { line?: number } }
    snippet?: { code?: string; context?: string | null }
  }
}

const oneLine = (text: string, tone: LogLine['tone'], css = ''): BareLine => ({
  segments: text === '' ? [] : [{ text: visible(text), css }],
  tone,
})

/** Lines of one JSON UI message; null when the text is none. */
function uiLines(text: string): { lines: BareLine[]; type: string } | null {
  if (!text.startsWith('{"') || !text.includes('"@message"')) return null
  let message: UiMessage
  try {
    message = JSON.parse(text) as UiMessage
  } catch {
    return null
  }
  if (typeof message['@message'] !== 'string') return null
  const tone = message['@level'] === 'error' ? 'error' : message['@level'] === 'warn' ? 'warn' : ''
  const { diagnostic, type = '' } = message
  if (type !== 'diagnostic' || !diagnostic) {
    const css = type === 'change_summary' ? 'a-b' : type === 'version' ? 'a-d' : ''
    return { lines: message['@message'].split('\n').map((line) => oneLine(line, tone, css)), type }
  }
  const lines = [oneLine(message['@message'], tone, 'a-b')]
  const { filename, start } = diagnostic.range ?? {}
  if (filename) lines.push(oneLine(`  on ${filename} line ${start?.line ?? '?'}:`, tone))
  for (const line of diagnostic.snippet?.code?.split('\n') ?? []) lines.push(oneLine(`    ${line}`, tone))
  for (const line of diagnostic.detail ? diagnostic.detail.split('\n') : []) lines.push(oneLine(`  ${line}`, tone))
  lines[0]!.diagnostic = {
    severity: diagnostic.severity === 'warning' ? 'warning' : 'error',
    summary: visible(diagnostic.summary ?? message['@message']),
    detail: visibleLines(diagnostic.detail ?? ''),
    address: visible(diagnostic.address ?? ''),
    place: filename ? visible(`${filename}:${start?.line ?? '?'}`) : '',
    context: visible(diagnostic.snippet?.context ?? ''),
    code: visibleLines(diagnostic.snippet?.code ?? ''),
  }
  return { lines, type }
}

const visibleLines = (text: string): string => text.split('\n').map(visible).join('\n')

const NEWLINE = 10

/** A reader of complete lines; keeps the colour and the step from one line to the next. */
export class LogReader {
  private style = plain
  readonly steps: StepFinder

  constructor(step?: LogStep) {
    this.steps = new StepFinder(step)
  }

  /**
   * `bytes` begin at the start of a line. Answers the lines that end in them and how many bytes those took; with
   * `isEnd`, the last line counts although no newline ends it.
   */
  read(bytes: Buffer, isEnd: boolean): { lines: LogLine[]; taken: number; rows: number } {
    const taken = isEnd ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1
    const lines: LogLine[] = []
    let rows = 0
    for (let at = 0; at < taken; ) {
      const newline = bytes.indexOf(NEWLINE, at)
      const end = newline === -1 ? taken : newline
      // the marks that begin and end a log
      const text = bytes.toString('utf8', at, end).replace(/[\x02\x03]/g, '')
      if (newline !== -1 || text !== '') this.line(text, { at, row: rows++ }, lines)
      at = end + 1
    }
    return { lines, taken, rows }
  }

  private line(text: string, place: { at: number; row: number }, lines: LogLine[]): void {
    const ui = uiLines(text)
    if (ui) {
      const step = this.steps.ofMessage(ui.type)
      for (const [i, line] of ui.lines.entries()) lines.push({ ...line, step, ...place, isFirst: i === 0 })
      return
    }
    const { line, style } = terminalLine(text, this.style)
    this.style = style
    const step = this.steps.ofText(line.segments.map((s) => s.text).join(''))
    lines.push({ ...line, step, ...place, isFirst: true })
  }
}
