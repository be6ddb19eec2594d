import type { Attribute, Part, Shown } from '../../shared/plans/attributes.ts'
import type { StoredRow } from '../../shared/plans/queries.ts'
import { counted } from '../words.ts'

/** One line of the table of attributes. `values`: how many different ones equal changes have. */
export interface AttributeLine {
  path: string
  op: Attribute['op']
  before: Side | null
  after: Side | null
  forces: boolean
  /** masked on both sides: whether they are the same */
  verdict: '' | 'differs' | 'same'
}

export interface Side {
  /** How many elements or lines there are. */
  count: string
  /** Kept ones between those that differ have no value. */
  parts: { kept: string; value: Shown | null }[]
  /** of instances */
  values: number
}

export interface ChangeView {
  /** One column of values, or the two of before and after. */
  hasTwoSides: boolean
  lines: AttributeLine[]
  /** How many more there are: of those that differ, and of those that stay. */
  hidden: number
  same: number
  /** Keys of the instances, or addresses of the resources, that change in the same way. */
  keys: string[]
  moreKeys: number
}

const LINES_SHOWN = 60
const ONE_SIDE_SHOWN = 12
const KEYS_SHOWN = 60

const single = (value: Shown): Side => ({ count: '', parts: [{ kept: '', value }], values: 1 })

function partsSide(parts: readonly Part[], op: '-' | '+', unit: string): Side {
  const total = parts.reduce((sum, p) => sum + (p.op === '=' ? p.count! : p.op === op ? 1 : 0), 0)
  return {
    count: counted(total, unit),
    parts: parts.flatMap((p) => {
      if (p.op === '=') return { kept: `${p.count} unchanged`, value: null }
      return p.op === op ? { kept: '', value: p.value! } : []
    }),
    values: 1,
  }
}

const isMasked = (value: Shown | undefined) => typeof value === 'object' && value.why === 'masked'

export function lineOf(attribute: Attribute): AttributeLine {
  const { path, op, before, after, parts, unit = 'element' } = attribute
  const bothMasked = isMasked(before) && isMasked(after)
  return {
    path,
    op,
    before: parts ? partsSide(parts, '-', unit) : before === undefined ? null : single(before),
    after: parts ? partsSide(parts, '+', unit) : after === undefined ? null : single(after),
    forces: attribute.forces ?? false,
    verdict: bothMasked ? (op === 'same' ? 'same' : 'differs') : '',
  }
}

/** The attributes of a row, or of all the equal changes that it stands for. */
export function changeView(row: StoredRow, members: readonly StoredRow[], options: { all: boolean }): ChangeView {
  const { fold } = row.change
  const lines = fold?.of === 'instances' ? joined(row, members) : row.change.attributes.map(lineOf)
  const keys = fold ? members.map((m) => (fold.of === 'instances' ? keyOf(m, row) : m.address)) : []
  return {
    ...linesView(lines, options),
    keys: keys.slice(0, KEYS_SHOWN),
    moreKeys: fold ? row.fold_size - Math.min(keys.length, KEYS_SHOWN) : 0,
  }
}

/** What differs, that which forces a replacement first; with `all`, also what stays the same. */
export function linesView(lines: readonly AttributeLine[], options: { all: boolean }): ChangeView {
  const differing = lines.filter((line) => line.op !== 'same').sort((a, b) => Number(b.forces) - Number(a.forces))
  const same = lines.filter((line) => line.op === 'same')
  const hasTwoSides = differing.some((line) => line.before) && differing.some((line) => line.after)
  const limit = options.all ? Number.POSITIVE_INFINITY : hasTwoSides ? LINES_SHOWN : ONE_SIDE_SHOWN
  return {
    hasTwoSides: hasTwoSides || (options.all && same.length > 0),
    lines: [...differing.slice(0, limit), ...(options.all ? same : [])],
    hidden: Math.max(0, differing.length - limit),
    same: options.all ? 0 : same.length,
    keys: [],
    moreKeys: 0,
  }
}

const keyOf = (member: StoredRow, head: StoredRow): string =>
  member.module === head.module ? member.change.key.slice(1, -1) : member.address

/** Instances with the same change: one line for each attribute, with its values over them. */
function joined(head: StoredRow, members: readonly StoredRow[]): AttributeLine[] {
  const byPath = new Map<string, Attribute[]>()
  for (const { change } of members) {
    for (const attribute of change.attributes) {
      const known = byPath.get(attribute.path)
      if (known) known.push(attribute)
      else byPath.set(attribute.path, [attribute])
    }
  }
  const paths = [...new Set([...head.change.attributes.map((a) => a.path), ...byPath.keys()])]
  return paths.flatMap((path) => {
    const [first, ...others] = byPath.get(path) ?? []
    if (!first) return []
    const line = lineOf(first)
    const last = lineOf(others.at(-1) ?? first)
    const distinct = (side: 'before' | 'after') =>
      new Set([first, ...others].map((a) => JSON.stringify(a[side] ?? a.parts ?? null))).size
    for (const side of ['before', 'after'] as const) {
      const [here, there] = [line[side], last[side]]
      const count = distinct(side)
      if (!here || count < 2 || line.op === 'same') continue
      here.values = count
      if (there && !first.parts) here.parts = [...here.parts, ...there.parts]
    }
    return line
  })
}
