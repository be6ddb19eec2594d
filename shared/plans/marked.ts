/** A value that nobody may see; `value` only tells whether two of them are the same. */
export class Masked {
  readonly value: unknown
  constructor(value: unknown) {
    this.value = value
  }
}

/** A value that the engine knows after the apply only. */
export class Unknown {}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Masked) &&
  !(value instanceof Unknown)

const own = (value: unknown, key: string | number): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string | number, unknown>)[key]
    : undefined

/** Whether a tree of marks says `true` anywhere. */
export const hasMark = (marks: unknown): boolean =>
  marks === true || (typeof marks === 'object' && marks !== null && Object.values(marks).some(hasMark))

/** A place that is marked on one side is marked on both. */
export function eitherMarked(a: unknown, b: unknown): unknown {
  if (a === true || b === true) return true
  const isTree = (marks: unknown): marks is object => typeof marks === 'object' && marks !== null
  if (!isTree(a)) return b
  if (!isTree(b)) return a
  return Object.fromEntries(
    [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [key, eitherMarked(own(a, key), own(b, key))]),
  )
}

/** The value with `Masked` and `Unknown` where the trees of marks say so. */
export function marked(value: unknown, sensitive: unknown, unknown: unknown): unknown {
  if (sensitive === true) return new Masked(unknown === true ? 'unknown' : value)
  if (unknown === true) return new Unknown()
  if (!hasMark(sensitive) && !hasMark(unknown)) return value
  if (Array.isArray(value) || Array.isArray(unknown)) {
    const list = Array.isArray(value) ? value : []
    const length = Math.max(list.length, Array.isArray(unknown) ? unknown.length : 0)
    return Array.from({ length }, (_, i) => marked(list[i], own(sensitive, i), own(unknown, i)))
  }
  if (isObject(value) || (value === undefined && hasMark(unknown))) {
    const object = isObject(value) ? value : {}
    const hidden = isObject(unknown) ? Object.keys(unknown).filter((key) => hasMark(unknown[key])) : []
    return Object.fromEntries(
      [...new Set([...Object.keys(object), ...hidden])].map((key) => [
        key,
        marked(own(object, key), own(sensitive, key), own(unknown, key)),
      ]),
    )
  }
  return value
}

/** JSON in which masked and unknown values are words of their own; for comparing and for folding. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, item) => {
    if (item instanceof Masked) return { '\u0000masked': item.value ?? null }
    if (item instanceof Unknown) return { '\u0000unknown': true }
    return item
  }) ?? 'null'
