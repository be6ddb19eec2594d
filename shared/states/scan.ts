/**
 * Reads a state file piece by piece and never holds more than one resource or output of it: a state can be larger than
 * what a process may have in memory as one parsed document.
 */
export interface StateParts {
  /** JSON text of one element of `resources`. */
  resource(text: string): void
  /** JSON text of the object that describes one output: value, type, sensitive. */
  output(name: string, text: string): void
}

/** The bytes are not the JSON document that an engine writes. */
export class NotAState extends Error {}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN = 0x7b
const CLOSE = 0x7d

/** One resource or output larger than this is not read. */
const PART_LIMIT = 128 * 1024 * 1024

type Capture = 'key' | 'text' | 'resource' | 'output'

export class StateScanner {
  /** Top-level texts, such as terraform_version. */
  readonly texts = new Map<string, string>()
  readonly #parts: StateParts
  #depth = 0
  #inString = false
  #isEscaped = false
  #expectsKey = false
  /** the top-level key whose value is being read */
  #section = ''
  #outputName = ''
  #capture: Capture | null = null
  #from = 0
  #held: Buffer[] = []
  #heldBytes = 0
  #ended = false

  constructor(parts: StateParts) {
    this.#parts = parts
  }

  /** The chunk must not be changed afterwards. @throws NotAState */
  feed(chunk: Buffer): void {
    this.#from = 0
    for (let i = 0; i < chunk.length; i++) {
      const c = chunk[i]!
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (c === BACKSLASH) this.#isEscaped = true
        else if (c === QUOTE) {
          this.#inString = false
          if (this.#capture === 'key' || this.#capture === 'text') this.#textEnds(this.#take(chunk, i))
        }
      } else if (c === QUOTE) this.#textBegins(i)
      else if (c === OPEN || c === OPEN_LIST) this.#opens(c, i)
      else if (c === CLOSE || c === CLOSE_LIST) this.#closes(chunk, i)
      else if (c === COMMA) this.#comma()
      else if (c === COLON) this.#expectsKey = false
      else if (this.#depth === 0 && c > 0x20) throw new NotAState('the file is not a JSON object')
    }
    if (this.#capture) this.#hold(chunk.subarray(this.#from))
  }

  /** @throws NotAState when the document is not complete */
  end(): void {
    if (!this.#ended) throw new NotAState('the file ends in the middle of the JSON document')
  }

  get #isOutputs(): boolean {
    return this.#section === 'outputs' && this.#depth === 2
  }

  #textBegins(i: number): void {
    this.#inString = true
    if (this.#capture) return
    if (this.#depth === 0) throw new NotAState('the file is not a JSON object')
    if (this.#expectsKey) this.#begin('key', i)
    else if (this.#depth === 1 && this.#section === 'terraform_version') this.#begin('text', i)
  }

  #textEnds(json: string): void {
    const text = parse(json) as string
    if (this.#expectsKey) {
      if (this.#depth === 1) this.#section = text
      else this.#outputName = text
      this.#expectsKey = false
    } else this.texts.set(this.#section, text)
  }

  #opens(c: number, i: number): void {
    if (this.#depth === 0 && (c !== OPEN || this.#ended)) throw new NotAState('the file is not a JSON object')
    if (!this.#capture && this.#depth === 2 && c === OPEN) {
      if (this.#section === 'resources') this.#begin('resource', i)
      else if (this.#isOutputs) this.#begin('output', i)
    }
    this.#depth++
    if (!this.#capture) this.#expectsKey = c === OPEN && (this.#depth === 1 || this.#isOutputs)
  }

  #closes(chunk: Buffer, i: number): void {
    this.#depth--
    if (this.#depth < 0) throw new NotAState('a bracket closes that never opened')
    if (this.#depth === 0) this.#ended = true
    if (this.#depth !== 2 || !(this.#capture === 'resource' || this.#capture === 'output')) return
    const isResource = this.#capture === 'resource'
    const text = this.#take(chunk, i)
    if (isResource) this.#parts.resource(text)
    else this.#parts.output(this.#outputName, text)
  }

  #comma(): void {
    if (this.#capture) return
    if (this.#depth === 1) this.#section = ''
    this.#expectsKey = this.#depth === 1 || this.#isOutputs
  }

  #begin(capture: Capture, i: number): void {
    this.#capture = capture
    this.#from = i
  }

  #hold(piece: Buffer): void {
    this.#held.push(piece)
    this.#heldBytes += piece.length
    if (this.#heldBytes > PART_LIMIT) throw new NotAState('one resource or output of it is too large to be read')
  }

  #take(chunk: Buffer, i: number): string {
    const last = chunk.subarray(this.#from, i + 1)
    const text = (this.#held.length > 0 ? Buffer.concat([...this.#held, last]) : last).toString('utf8')
    this.#held = []
    this.#heldBytes = 0
    this.#capture = null
    return text
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new NotAState('a part of it is not valid JSON', { cause })
  }
}
