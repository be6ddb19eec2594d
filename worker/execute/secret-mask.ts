import type { PhaseWork } from '../../shared/phase.ts'

/** Shorter ones are no secrets worth the name, and would hide words that only happen to be the same. */
const SHORTEST = 6
/** A longer secret is looked for in pieces, so that little has to be held back at the border of two chunks. */
const PIECE = 512
const MAX_PIECES = 4000

export const MASK = '(sensitive value)'

/**
 * Hides known secrets in a stream of bytes: as they are, line by line, as JSON text, in base64 wherever they stand in
 * the encoded text, and URL-encoded. Chunks may be cut anywhere: the end of one that could begin a secret is held
 * back until the next. The mask holds no character that JSON escapes, so a line of JSON stays one.
 */
export class SecretMask {
  readonly #pieces = new Set<string>()
  readonly #byFirst = new Map<string, string[]>()
  #pattern: RegExp | null = null
  #longest = 0
  #held = ''

  constructor(secrets: readonly string[]) {
    this.add(secrets)
  }

  /** Bytes that were pushed before are not looked at again. */
  add(secrets: readonly string[]): void {
    const all = this.#pieces
    for (const secret of secrets) {
      for (const form of formsOf(secret)) {
        for (const piece of piecesOf(Buffer.from(form).toString('latin1'))) {
          if (all.size < MAX_PIECES) all.add(piece)
        }
      }
    }
    const longestFirst = [...all].sort((a, b) => b.length - a.length)
    this.#longest = longestFirst[0]?.length ?? 0
    this.#pattern = longestFirst.length > 0 ? new RegExp(longestFirst.map(RegExp.escape).join('|'), 'g') : null
    this.#byFirst.clear()
    for (const piece of longestFirst) {
      const first = piece[0]!
      this.#byFirst.set(first, [...(this.#byFirst.get(first) ?? []), piece])
    }
  }

  /** What can be sent on now. */
  push(chunk: Buffer): Buffer {
    if (!this.#pattern) return chunk
    const text = this.#held + chunk.toString('latin1')
    const end = this.#safeEnd(text)
    this.#held = text.slice(end)
    return Buffer.from(text.slice(0, end).replace(this.#pattern, MASK), 'latin1')
  }

  /** The rest, at the end of the stream. */
  flush(): Buffer {
    const rest = this.#held
    this.#held = ''
    return Buffer.from(this.#pattern ? rest.replace(this.#pattern, MASK) : rest, 'latin1')
  }

  /** A whole text at once. */
  text(text: string): string {
    if (!this.#pattern) return text
    return Buffer.from(Buffer.from(text).toString('latin1').replace(this.#pattern, MASK), 'latin1').toString()
  }

  /** Up to where no secret can begin that the next chunk completes. */
  #safeEnd(text: string): number {
    let end = text.length
    for (let at = Math.max(0, text.length - this.#longest + 1); at < text.length; at++) {
      const tail = text.slice(at)
      if (this.#byFirst.get(text[at]!)?.some((piece) => piece.length > tail.length && piece.startsWith(tail))) {
        end = at
        break
      }
    }
    // a secret that lies across that border stays whole
    for (const match of text.matchAll(this.#pattern!)) {
      if (match.index < end && match.index + match[0].length > end) return match.index
    }
    return end
  }
}

/** Everything that a phase must not tell: sensitive variables, its tokens, its SSH key. */
export function secretsOf(work: Pick<PhaseWork, 'variables' | 'server' | 'sshKey' | 'identityTokens'>): string[] {
  return [
    ...work.variables.filter((v) => v.sensitive).flatMap((v) => (v.hcl ? [v.value, ...quotedIn(v.value)] : [v.value])),
    ...(work.server ? [work.server.token] : []),
    ...(work.sshKey ? [work.sshKey] : []),
    ...Object.values(work.identityTokens),
  ]
}

/** The texts of an HCL expression: they appear without it. */
function quotedIn(expression: string): string[] {
  return [...expression.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, inner]) => {
    try {
      return JSON.parse(`"${inner}"`) as string
    } catch {
      return inner!
    }
  })
}

function formsOf(secret: string): string[] {
  const trimmed = secret.trim()
  const lines = trimmed.includes('\n') ? trimmed.split(/\r?\n/).map((line) => line.trim()) : []
  const plain = [trimmed, ...lines].filter((text) => text.length >= SHORTEST)
  return plain.flatMap((text) => {
    const json = JSON.stringify(text).slice(1, -1)
    // Go's encoder escapes these three as well
    const go = json.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026')
    const url = encodeURIComponent(text)
    const twice = JSON.stringify(json).slice(1, -1)
    return [text, json, go, twice, url, url.replaceAll('%20', '+'), ...base64Of(text)]
  })
}

/** The characters that a text always gives in base64, for each of the three places where it may begin. */
function base64Of(text: string): string[] {
  const bytes = Buffer.from(text)
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    const sure = encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
    if (sure.length < SHORTEST) return []
    return [sure, sure.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

function piecesOf(text: string): string[] {
  const count = Math.ceil(text.length / PIECE)
  const size = Math.ceil(text.length / Math.max(1, count))
  return Array.from({ length: count }, (_, i) => text.slice(i * size, (i + 1) * size))
}
