const NEWLINE = 0x0a
const MOST_BYTES = 64 * 1024
const MOST_HELD_BYTES = 256 * 1024
const ESCAPES = /\x1b\[[0-9;]*m/g

/**
 * Takes out of init's output what it says about our own backend override: to the reader, whose configuration names
 * another backend or none, "Successfully configured the backend local" would be wrong. Everything else, errors first of
 * all, passes unchanged. Holds back at most one line.
 */
export class InitOutput {
  #rest: Buffer = Buffer.alloc(0)
  #hiding = false

  pass(chunk: Buffer): Buffer {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    const end = all.length > MOST_BYTES ? all.length : all.lastIndexOf(NEWLINE) + 1
    this.#rest = all.subarray(end)
    const kept: Buffer[] = []
    for (let from = 0; from < end; ) {
      const newline = all.indexOf(NEWLINE, from)
      const to = newline === -1 || newline >= end ? end : newline + 1
      const line = all.subarray(from, to)
      if (!this.#hides(line)) kept.push(line)
      from = to
    }
    return Buffer.concat(kept)
  }

  end(_failed: boolean): Buffer {
    return this.#hiding ? Buffer.alloc(0) : this.#rest
  }

  #hides(line: Buffer): boolean {
    const text = line.toString('utf8').replace(ESCAPES, '').trim()
    if (text.startsWith('Initializing the backend')) this.#hiding = true
    else if (this.#hiding && /^(Initializing|Upgrading|Error|Warning|╷|│|- )/.test(text)) this.#hiding = false
    return this.#hiding
  }
}

/**
 * Init of an apply repeats what the plan's log has shown already: it is said only when it fails. Keeps the last 256 KiB.
 */
export class HeldInitOutput {
  readonly #inner = new InitOutput()
  #parts: Buffer[] = []
  #bytes = 0

  pass(chunk: Buffer): Buffer {
    const part = this.#inner.pass(chunk)
    this.#parts.push(part)
    this.#bytes += part.length
    while (this.#bytes > MOST_HELD_BYTES && this.#parts.length > 1) this.#bytes -= this.#parts.shift()!.length
    return Buffer.alloc(0)
  }

  end(failed: boolean): Buffer {
    return failed ? Buffer.concat([...this.#parts, this.#inner.end(true)]) : Buffer.alloc(0)
  }
}
