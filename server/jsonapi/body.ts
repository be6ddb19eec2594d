import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { Problem, problem } from '../../shared/errors.ts'

/** Reads a whole body with a limit that holds while it streams. */
export async function readBody(
  req: IncomingMessage,
  maxBytes: number,
  tooLarge = `The request body is larger than ${maxBytes} bytes.`,
): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of req as AsyncIterable<Buffer>) {
    size += part.length
    if (size > maxBytes) throw problem('too_large', tooLarge)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** JSON of a request; undefined for an empty body. Keys that could change a prototype are dropped. */
export async function readJson(req: IncomingMessage, maxBytes: number, tooLarge?: string): Promise<unknown> {
  const text = (await readBody(req, maxBytes, tooLarge)).toString('utf8')
  if (text.trim() === '') return undefined
  let value: unknown
  let odd: string | null
  try {
    value = JSON.parse(text, (key, value) => (key === '__proto__' ? undefined : value))
    // no column can hold a NUL, no jsonb half a character; both come only by an escape
    odd = /\\u(0000|d[89a-f])/i.test(text) ? oddPath(value, '') : null
  } catch {
    throw problem('bad_request', 'The body is not valid JSON.')
  }
  if (odd?.startsWith('/data/attributes/')) {
    throw problem('invalid_attribute', { detail: 'A text must not hold a NUL or half a character.', pointer: odd })
  }
  if (odd !== null) throw problem('bad_request', 'The body holds a NUL or half a character.')
  return value
}

const isOdd = (text: string): boolean => text.includes('\0') || !text.isWellFormed()

/** JSON pointer to the first text (or to what holds the first key) that cannot be stored. */
function oddPath(value: unknown, path: string): string | null {
  if (typeof value === 'string') return isOdd(value) ? path : null
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const found = isOdd(key) ? path : oddPath(inner, `${path}/${key}`)
    if (found !== null) return found
  }
  return null
}

const Pointer = z.object({
  type: z.string().optional(),
  id: z.string().optional(),
  attributes: z.record(z.string(), z.unknown()).optional(),
})
const Relationship = z.object({ data: z.union([Pointer, z.array(Pointer), z.null()]).optional() }).loose()

const Envelope = z.object({
  data: z
    .object({
      id: z.unknown().optional(),
      type: z.unknown().optional(),
      attributes: z.record(z.string(), z.unknown()).nullish(),
      relationships: z.record(z.string(), z.unknown()).nullish(),
    })
    .loose()
    .nullish(),
})

export type RelationshipData = z.output<typeof Pointer>

/** The parts of a JSON:API request. `data.type` is not checked: clients send it empty. */
export interface Input<A> {
  attributes: A
  /** undefined: not in the request; null: cleared; a list for to-many. */
  relationship(name: string): RelationshipData | RelationshipData[] | null | undefined
  /** The id of a to-one relationship. */
  relatedId(name: string): string | null | undefined
  relatedList(name: string): RelationshipData[] | undefined
  /** data as sent, for requests whose data is a list. */
  data: unknown
  raw: unknown
}

function attributeProblems(issues: readonly z.core.$ZodIssue[], prefix: string): Problem {
  const all = issues.map((issue) => {
    const name = issue.path.join('/')
    return new Problem('invalid_attribute', {
      detail: `${name ? `${titled(String(issue.path[0]))} ` : ''}${issue.message}`,
      pointer: `${prefix}${name ? `/${name}` : ''}`,
    })
  })
  const [first, ...rest] = all
  first!.more.push(...rest)
  return first!
}

/** `working-directory` → `Working directory`, as messages begin. */
export const titled = (name: string): string => {
  const words = name.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

export function parseInput<A extends z.ZodType>(raw: unknown, attributes: A): Input<z.output<A>> {
  if (raw !== undefined && (typeof raw !== 'object' || raw === null || Array.isArray(raw))) {
    throw problem('bad_request', 'The body must be a JSON object.')
  }
  const isList = Array.isArray((raw as { data?: unknown } | undefined)?.data)
  const envelope = Envelope.safeParse(isList || raw === undefined ? {} : raw)
  if (!envelope.success)
    throw problem('bad_request', 'The body is not a JSON:API document: `data` with `attributes` is expected.')
  const parsed = attributes.safeParse(envelope.data.data?.attributes ?? {})
  if (!parsed.success) throw attributeProblems(parsed.error.issues, '/data/attributes')
  const relationships = envelope.data.data?.relationships ?? {}
  const relationship = (name: string) => {
    if (!Object.hasOwn(relationships, name)) return undefined
    const value = relationships[name]
    const found = Relationship.safeParse(value)
    if (!found.success) throw problem('bad_request', `The relationship ${name} is not of the form { "data": … }.`)
    return found.data.data
  }
  return {
    attributes: parsed.data,
    data: (raw as { data?: unknown } | undefined)?.data,
    raw,
    relationship,
    relatedId(name) {
      const data = relationship(name)
      if (data === undefined) return undefined
      if (data === null) return null
      if (Array.isArray(data)) throw problem('bad_request', `The relationship ${name} takes one object.`)
      return data.id ?? null
    },
    relatedList(name) {
      const data = relationship(name)
      if (data === undefined) return undefined
      if (!Array.isArray(data)) throw problem('bad_request', `The relationship ${name} takes a list.`)
      return data
    },
  }
}
