import { type Attribute, compareValues } from './attributes.ts'
import { fold } from './folds.ts'
import { holdsData } from './holds-data.ts'
import type { Change, PlanDocument, ResourceChange } from './json.ts'
import { eitherMarked, isObject, marked } from './marked.ts'
import { reasonsOf } from './reasons.ts'
import { actions, type CutPlan, type PlanAction, type PlanRow, type RowKind, type SensitivePath } from './row.ts'

/** Cuts a redacted plan into rows, in the order of display. Values that either side marks as sensitive are left out. */
export function cutPlan(plan: PlanDocument): CutPlan {
  const changes = (plan.resource_changes ?? []).flatMap((r) => resourceRow(r, 'change') ?? [])
  const outside = (plan.resource_drift ?? []).flatMap((r) => resourceRow(r, 'outside') ?? [])
  const outputs = Object.entries(plan.output_changes ?? {}).flatMap(([name, change]) => outputRow(name, change) ?? [])
  changes.sort(inOrder)
  outside.sort(inOrder)
  outputs.sort(inOrder)
  const rows = [...changes, ...outside, ...outputs]
  rows.forEach((row, i) => {
    row.number = i + 1
    row.head = i + 1
  })
  fold(rows)
  const counts = Object.fromEntries(actions.map((a) => [a, 0])) as Record<PlanAction, number>
  for (const row of changes) counts[row.action]++
  const holding = changes.filter((row) => row.holdsData && ['destroy', 'replace'].includes(row.action))
  return {
    rows,
    sensitive: sensitivePaths(plan.resource_changes ?? []),
    summary: {
      counts,
      outside: outside.length,
      outputs: outputs.length,
      unchanged: (plan.resource_changes ?? []).filter((r) => r.mode !== 'data').length - managedIn(changes),
      noise: changes.filter((row) => row.isNoise).length,
      holding: holding.slice(0, 3).map(({ number, address, action }) => ({ number, address, action })),
      holdingCount: holding.length,
    },
  }
}

const managedIn = (rows: readonly PlanRow[]): number => rows.filter((row) => row.action !== 'read').length

const collator = new Intl.Collator('en', { numeric: true })

const inOrder = (a: PlanRow, b: PlanRow): number =>
  actions.indexOf(a.action) - actions.indexOf(b.action) ||
  Number(b.holdsData) - Number(a.holdsData) ||
  collator.compare(a.module, b.module) ||
  collator.compare(a.address, b.address)

/** null: nothing happens to it. */
function actionOf({
  change,
  previous_address,
}: Pick<ResourceChange, 'change' | 'previous_address'>): PlanAction | null {
  const has = (action: string) => change.actions.includes(action)
  if (has('create') && (has('delete') || has('forget'))) return 'replace'
  if (has('delete')) return 'destroy'
  if (has('forget')) return 'forget'
  if (has('update')) return 'update'
  if (has('create')) return 'create'
  if (has('read')) return 'read'
  if (change.importing) return 'import'
  return previous_address ? 'move' : null
}

function resourceRow(resource: ResourceChange, kind: RowKind): PlanRow | null {
  const action = actionOf(resource)
  if (!action) return null
  const { index } = resource
  const type = `${resource.mode === 'data' ? 'data.' : ''}${resource.type ?? ''}`
  const attributes = attributesOf(resource.change)
  return {
    number: 0,
    head: 0,
    foldSize: 1,
    kind,
    action,
    address: resource.address,
    module: resource.module_address ?? '',
    type,
    holdsData: resource.mode !== 'data' && holdsData(resource.type ?? ''),
    isNoise: action === 'read' || (action === 'update' && attributes.every(isNoise)),
    change: {
      name: resource.name ?? '',
      key: index === undefined || index === null ? '' : `[${JSON.stringify(index)}]`,
      reasons: reasonsOf(resource),
      attributes,
    },
  }
}

/** Tags, and what the engine computes anew. */
const isNoise = ({ op, path, after }: Attribute): boolean =>
  op === 'same' || /^(tags|tags_all|labels|effective_labels|terraform_labels)\b/.test(path) || isUnknown(after)

const isUnknown = (value: Attribute['after']): boolean => typeof value === 'object' && value.why === 'unknown'

function outputRow(name: string, change: Change): PlanRow | null {
  const action = actionOf({ change })
  if (!action) return null
  const [before, after] = sides(change)
  return {
    number: 0,
    head: 0,
    foldSize: 1,
    kind: 'output',
    action,
    address: `output.${name}`,
    module: '',
    type: 'output',
    holdsData: false,
    isNoise: false,
    change: { name, key: '', reasons: [], attributes: compareValues({ [name]: before }, { [name]: after }) },
  }
}

function sides(change: Change): [before: unknown, after: unknown] {
  const sensitive = eitherMarked(change.before_sensitive, change.after_sensitive)
  const before = marked(change.before ?? undefined, change.before === null ? undefined : sensitive, undefined)
  const isGone = (change.after === null || change.after === undefined) && !change.after_unknown
  const after = isGone ? undefined : marked(change.after ?? undefined, sensitive, change.after_unknown)
  return [before, after]
}

function attributesOf(change: Change): Attribute[] {
  const [before, after] = sides(change)
  const isWhole = (value: unknown) => value === undefined || isObject(value)
  if (!isWhole(before) || !isWhole(after)) return compareValues({ value: before }, { value: after })
  return compareValues(before, after, change.replace_paths ?? [])
}

/** Top-level attributes with a mark: what a state of the same types must not show. */
function sensitivePaths(resources: readonly ResourceChange[]): SensitivePath[] {
  const found = new Map<string, SensitivePath>()
  for (const { type = '', change } of resources) {
    const marks = eitherMarked(change.before_sensitive, change.after_sensitive)
    if (!isObject(marks)) continue
    for (const [path, mark] of Object.entries(marks)) {
      if (mark === true) found.set(`${type} ${path}`, { type, path })
    }
  }
  return [...found.values()]
}
