import type { ChangeCounts } from '../../shared/phase.ts'
import type { HclFiles } from './variables.ts'

const MAX_LINE_BYTES = 1024 * 1024
const NEWLINE = 0x0a

/** What a phase learns from its engine's output: why it failed, and what an apply did. The log itself is not touched. */
export interface OutputFacts {
  /** summary of the last error, without its details (those may hold values) */
  error: string | undefined
  /** key of the variable whose expression the last error is about */
  errorVariable: string | undefined
  /** from the JSON stream only: a plain text log is never counted */
  summary: ChangeCounts | undefined
  completed: ChangeCounts
}

/** Reads an engine's output line by line, in bounded memory: a longer line than 1 MiB is skipped. */
export class OutputReader {
  readonly facts: OutputFacts
  readonly #json: boolean
  readonly #hclFiles: HclFiles
  #line: Buffer[] = []
  #lineBytes = 0

  constructor(json: boolean, hclFiles: HclFiles) {
    this.#json = json
    this.#hclFiles = hclFiles
    const none = { additions: 0, changes: 0, destructions: 0, imports: 0 }
    this.facts = { error: undefined, errorVariable: undefined, summary: undefined, completed: none }
  }

  read(chunk: Buffer): void {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, at))
      this.#endLine()
      from = at + 1
    }
    this.#keep(chunk.subarray(from))
  }

  #keep(part: Buffer): void {
    this.#lineBytes += part.length
    if (this.#lineBytes <= MAX_LINE_BYTES) this.#line.push(part)
    else this.#line = []
  }

  #endLine(): void {
    const line = this.#lineBytes <= MAX_LINE_BYTES ? Buffer.concat(this.#line).toString() : ''
    this.#line = []
    this.#lineBytes = 0
    if (this.#json && line.startsWith('{"@level"')) readMessage(this.facts, line, this.#hclFiles)
    else readText(this.facts, line, this.#hclFiles)
  }
}

interface UiMessage {
  type?: string
  diagnostic?: { severity?: string; summary?: string; range?: { filename?: string } }
  changes?: { operation?: string; add?: number; change?: number; remove?: number; import?: number }
  hook?: { action?: string }
}

function readMessage(facts: OutputFacts, line: string, hclFiles: HclFiles): void {
  if (!/"type":"(diagnostic|change_summary|apply_complete)"/.test(line)) return
  let message: UiMessage
  try {
    message = JSON.parse(line)
  } catch {
    return // a bare line that only looks like a message
  }
  if (message.type === 'diagnostic' && message.diagnostic?.severity === 'error') {
    facts.error = message.diagnostic.summary
    facts.errorVariable = hclFiles.get(message.diagnostic.range?.filename ?? '')
  } else if (message.type === 'change_summary' && message.changes && message.changes.operation !== 'plan') {
    const { add = 0, change = 0, remove = 0, import: imports = 0 } = message.changes
    facts.summary = { additions: add, changes: change, destructions: remove, imports }
  } else if (message.type === 'apply_complete') {
    const counter = ({ create: 'additions', update: 'changes', delete: 'destructions' } as const)[
      message.hook?.action as 'create' | 'update' | 'delete'
    ]
    if (counter) facts.completed[counter]++
  }
}

function readText(facts: OutputFacts, line: string, hclFiles: HclFiles): void {
  if (line.length > 4096) return
  const text = line.replace(/\x1b\[[0-9;]*m/g, '').replace(/^[\s│╷╵|]*/, '')
  const error = /^Error: (.+)$/.exec(text)
  if (error) {
    facts.error = error[1]
    facts.errorVariable = undefined
  }
  const place = /^on (\S+) line \d+/.exec(text)
  if (place && facts.error) facts.errorVariable ??= hclFiles.get(place[1]!.split('/').at(-1)!)
}
