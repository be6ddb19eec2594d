import { isDeepStrictEqual } from 'node:util'
import { differences } from './differences.ts'
import { pathText } from './json.ts'
import { canonical, isObject, Masked, Unknown } from './marked.ts'

/** A value as it is shown: its text, or why there is none. */
export type Shown = string | { why: 'masked' | 'unknown' }

/** A piece of a list or of a long text: kept, taken out or put in. */
export interface Part {
  op: '=' | '-' | '+'
  /** of '=': how many in a row */
  count?: number
  value?: Shown
}

export interface Attribute {
  path: string
  op: 'same' | 'changed' | 'added' | 'removed'
  before?: Shown
  after?: Shown
  /** Instead of before and after: what differs inside. */
  parts?: Part[]
  unit?: 'element' | 'line'
  /** Its change is why the object is replaced. */
  forces?: true
}

const TEXT_LIMIT = 16 * 1024
const SAME_LIMIT = 300
const ATTRIBUTES_LIMIT = 2000

type Path = (string | number)[]

/** NUL cannot be stored; nobody misses it. */
const clean = (text: string): string => text.replaceAll('\0', '␀')
const cut = (text: string, limit: number): string => (text.length > limit ? `${text.slice(0, limit)}…` : text)

export function shown(value: unknown, limit = TEXT_LIMIT): Shown {
  if (value instanceof Masked) return { why: 'masked' }
  if (value instanceof Unknown) return { why: 'unknown' }
  // what the redaction of the plan put in place of a secret
  if (value === '(sensitive value)' || value === '(sensitive value, changed)') return { why: 'masked' }
  return cut(clean(textOf(value)), limit)
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value.includes('\n') ? value : JSON.stringify(value)
  return (
    JSON.stringify(value, (_key, item) => {
      if (item instanceof Masked) return '(sensitive value)'
      if (item instanceof Unknown) return '(known after apply)'
      return item
    }) ?? 'null'
  )
}

/**
 * What differs between two values, place by place: objects are flattened (`tags.release`), lists compared by element,
 * long texts by line, JSON in strings as JSON. What is the same is told once, at its highest place.
 */
export function compareValues(before: unknown, after: unknown, replacePaths: readonly Path[] = []): Attribute[] {
  const found = compare([], before, after).slice(0, ATTRIBUTES_LIMIT)
  const forced = replacePaths.map(pathText)
  for (const attribute of found) {
    if (
      attribute.op !== 'same' &&
      forced.some((path) => isWithin(attribute.path, path) || isWithin(path, attribute.path))
    )
      attribute.forces = true
  }
  return found
}

const isWithin = (inner: string, outer: string): boolean =>
  inner === outer || (inner.startsWith(outer) && /^[.[]/.test(inner.slice(outer.length)))

const isNothing = (value: unknown): boolean => value === null || value === undefined

function compare(path: Path, before: unknown, after: unknown): Attribute[] {
  if (isNothing(before) && isNothing(after)) return []
  if (path.length > 0 && isDeepStrictEqual(before, after)) {
    const value = shown(after, SAME_LIMIT)
    return [{ path: pathText(path), op: 'same', before: value, after: value }]
  }
  if (isNothing(before)) return oneSide(path, after, 'added')
  if (isNothing(after)) return oneSide(path, before, 'removed')
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => compare([...path, key], before[key], after[key]))
  }
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(path, before, after)
  if (typeof before === 'string' && typeof after === 'string') return compareTexts(path, before, after)
  return [{ path: pathText(path), op: 'changed', before: shown(before), after: shown(after) }]
}

function oneSide(path: Path, value: unknown, op: 'added' | 'removed'): Attribute[] {
  if (isNothing(value)) return []
  if (isObject(value) && Object.keys(value).length > 0)
    return Object.entries(value).flatMap(([key, item]) => oneSide([...path, key], item, op))
  if (Array.isArray(value) && value.some((item) => isObject(item) && Object.keys(item).length > 0))
    return value.flatMap((item, i) => oneSide([...path, i], item, op))
  return [{ path: pathText(path), op, [op === 'added' ? 'after' : 'before']: shown(value) }]
}

/** As the engines do it: the longest common part stays; of what is left, objects at the same place are compared. */
function compareLists(path: Path, before: unknown[], after: unknown[]): Attribute[] {
  const steps = differences(before.map(canonical), after.map(canonical))
  const isSimple = ![...before, ...after].some((item) => isObject(item) || Array.isArray(item))
  if (isSimple)
    return [{ path: pathText(path), op: 'changed', unit: 'element', parts: partsOf(steps, before, after, elementOf) }]
  const found: Attribute[] = []
  const kept = steps.filter((s) => s.op === '=').length
  if (kept > 0) found.push({ path: pathText(path), op: 'same', unit: 'element', parts: [{ op: '=', count: kept }] })
  let removed: number[] = []
  let added: number[] = []
  const flush = () => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) {
      const [from, to] = [removed[i], added[i]]
      const [a, b] = [from === undefined ? null : before[from], to === undefined ? null : after[to]]
      found.push(...compare([...path, to ?? from!], a, b))
    }
    removed = []
    added = []
  }
  for (const step of steps) {
    if (step.op === '=') flush()
    else if (step.op === '-') removed.push(step.before)
    else added.push(step.after)
  }
  flush()
  return found
}

function compareTexts(path: Path, before: string, after: string): Attribute[] {
  const [from, to] = [decoded(before), decoded(after)]
  if (from && to) return compare(path, from, to)
  if (!before.includes('\n') && !after.includes('\n'))
    return [{ path: pathText(path), op: 'changed', before: shown(before), after: shown(after) }]
  const [a, b] = [before.slice(0, TEXT_LIMIT).split('\n'), after.slice(0, TEXT_LIMIT).split('\n')]
  return [
    {
      path: pathText(path),
      op: 'changed',
      unit: 'line',
      parts: partsOf(differences(a, b), a, b, (line) => clean(line as string)),
    },
  ]
}

/** The object or list that a string holds as JSON; null when it holds none. */
function decoded(text: string): object | null {
  if (!/^\s*[[{]/.test(text) || text.length > TEXT_LIMIT * 8) return null
  try {
    return JSON.parse(text) as object
  } catch {
    return null
  }
}

function partsOf(
  steps: ReturnType<typeof differences>,
  before: unknown[],
  after: unknown[],
  show: (value: unknown) => Shown,
): Part[] {
  const parts: Part[] = []
  for (const step of steps) {
    const last = parts.at(-1)
    if (step.op === '=' && last?.op === '=') last.count = last.count! + 1
    else if (step.op === '=') parts.push({ op: '=', count: 1 })
    else parts.push({ op: step.op, value: show(step.op === '-' ? before[step.before] : after[step.after]) })
  }
  return parts
}

const elementOf = (value: unknown): Shown => shown(value, 2000)
