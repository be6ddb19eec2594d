import type { Attribute } from './attributes.ts'
import type { PlanRow } from './row.ts'

/** A fold never hides what is lost. */
const foldable = new Set(['update', 'create', 'import', 'move', 'read'])

const SAME_CHANGE_FROM = 3

const differing = (row: PlanRow): Attribute[] => row.change.attributes.filter((a) => a.op !== 'same')

/** `module.a["x"].t.n[0]` → `module.a.t.n` */
const withoutKeys = (address: string): string => address.replace(/\[(?:"(?:[^"\\]|\\.)*"|\d+)\]/g, '')

const topOf = (path: string): string => /^[^.[]+/.exec(path)?.[0] ?? path

/**
 * Folds equal changes into the first of them: the same change of attributes in several resources, and instances of one
 * resource. Rows keep their numbers; `head` names the row that shows them.
 */
export function fold(rows: readonly PlanRow[]): void {
  const candidates = rows.filter((row) => foldable.has(row.action) && row.kind !== 'output')
  const resources = groupsOf(
    candidates.filter((row) => row.action === 'update' && differing(row).length > 0),
    (row) => `${row.kind} ${JSON.stringify(differing(row).map(({ forces: _, ...rest }) => rest))}`,
  )
  const folded = new Set<PlanRow>()
  for (const group of resources) {
    if (group.length < SAME_CHANGE_FROM || new Set(group.map((row) => withoutKeys(row.address))).size < 2) continue
    join(group, 'resources')
    for (const row of group) folded.add(row)
  }
  const instances = groupsOf(
    candidates.filter((row) => !folded.has(row) && withoutKeys(row.address) !== row.address),
    (row) =>
      [
        row.kind,
        row.action,
        withoutKeys(row.address),
        row.action === 'update' ? differing(row).map((a) => a.path) : '',
      ].join(' '),
  )
  for (const group of instances) if (group.length > 1) join(group, 'instances')
}

const groupsOf = (rows: readonly PlanRow[], keyOf: (row: PlanRow) => string): PlanRow[][] => [
  ...Map.groupBy(rows, keyOf).values(),
]

function join(group: PlanRow[], of: 'instances' | 'resources'): void {
  const head = group[0]!
  for (const row of group) row.head = head.number
  head.foldSize = group.length
  head.change.fold = {
    of,
    types: new Set(group.map((row) => row.type)).size,
    varies: of === 'instances' ? variesIn(group) : [],
  }
}

function variesIn(group: readonly PlanRow[]): string[] {
  const values = new Map<string, string>()
  const varies = new Set<string>()
  group.forEach((row, i) => {
    for (const attribute of row.change.attributes) {
      const text = JSON.stringify(attribute)
      if (i === 0) values.set(attribute.path, text)
      else if (values.get(attribute.path) !== text) varies.add(topOf(attribute.path))
    }
  })
  return [...varies].slice(0, 5)
}
