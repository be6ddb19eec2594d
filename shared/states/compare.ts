import { type Attribute, compareValues } from '../plans/attributes.ts'
import { marked } from '../plans/marked.ts'
import { parseExactly } from './exact-json.ts'
import { StateScanner } from './scan.ts'
import { type KnownSecrets, type RawInstance, withoutSecrets } from './secrets.ts'

/** Larger states are not read for a page: they can be downloaded. */
export const READ_AT_MOST = 64 * 1024 * 1024

export interface RawResource {
  module?: string
  mode?: string
  type: string
  name: string
  instances?: RawInstance[]
}

export type StateChangeKind = 'gone' | 'changed' | 'new' | 'moved'

export interface StateChange {
  kind: StateChangeKind
  address: string
  /** moved: where it was */
  formerAddress: string
  type: string
  before: RawInstance | null
  after: RawInstance | null
}

export interface StateComparison {
  changes: StateChange[]
  counts: Record<StateChangeKind, number>
  /** objects without a difference */
  same: number
  outputs: { name: string; attributes: Attribute[] }[]
  outputCount: number
}

type Bytes = AsyncIterable<Buffer>
type Texts = Map<string, string>

export const addressOf = (r: RawResource): string =>
  `${r.module ? `${r.module}.` : ''}${r.mode === 'data' ? 'data.' : ''}${r.type}.${r.name}`

export const keyOf = (i: RawInstance): string =>
  `${i.index_key === undefined || i.index_key === null ? '' : `[${JSON.stringify(i.index_key)}]`}${i.deposed ? ` (deposed ${i.deposed})` : ''}`

const KEPT = 5000

async function textsOf(bytes: Bytes): Promise<{ resources: Texts; outputs: Texts }> {
  const resources: Texts = new Map()
  const outputs: Texts = new Map()
  const scanner = new StateScanner({
    resource: (text) => resources.set(addressOf(JSON.parse(text) as RawResource), text),
    output: (name, text) => outputs.set(name, text),
  })
  for await (const piece of bytes) scanner.feed(piece)
  scanner.end()
  return { resources, outputs }
}

/**
 * What differs between two states, object by object. Resources whose text is the same are not looked into: the engines
 * write states in one form.
 * @throws NotAState
 */
export async function compareStates(before: Bytes, after: Bytes): Promise<StateComparison> {
  const from = await textsOf(before)
  const to = await textsOf(after)
  const found: StateChange[] = []
  let same = 0
  for (const address of new Set([...from.resources.keys(), ...to.resources.keys()])) {
    const [a, b] = [from.resources.get(address), to.resources.get(address)]
    const [old, now] = [a, b].map((text) => (text === undefined ? null : (JSON.parse(text) as RawResource)))
    if (a === b) {
      same += now?.instances?.length ?? 0
      continue
    }
    same += compareInstances(address, old ?? null, now ?? null, found)
  }
  const changes = joinMoves(found)
  const rank: StateChangeKind[] = ['gone', 'changed', 'new', 'moved']
  changes.sort((x, y) => rank.indexOf(x.kind) - rank.indexOf(y.kind) || (x.address < y.address ? -1 : 1))
  const counts = { gone: 0, changed: 0, new: 0, moved: 0 }
  for (const change of changes) counts[change.kind]++
  const names = [...new Set([...from.outputs.keys(), ...to.outputs.keys()])].sort()
  const outputs = names.flatMap((name) => {
    const [a, b] = [from.outputs.get(name), to.outputs.get(name)]
    return a === b ? [] : { name, attributes: compareOutputs(name, a, b) }
  })
  const differing = outputs.filter((output) => output.attributes.some((attribute) => attribute.op !== 'same'))
  return {
    changes: changes.slice(0, KEPT),
    counts,
    same,
    outputs: differing.slice(0, KEPT),
    outputCount: names.length,
  }
}

/** @returns how many are the same */
function compareInstances(
  address: string,
  old: RawResource | null,
  now: RawResource | null,
  found: StateChange[],
): number {
  const type = now?.type ?? old!.type
  const byKey = (resource: RawResource | null) => new Map((resource?.instances ?? []).map((i) => [keyOf(i), i]))
  const [before, after] = [byKey(old), byKey(now)]
  let same = 0
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(key) ?? null, after.get(key) ?? null]
    if (a && b && JSON.stringify(a.attributes) === JSON.stringify(b.attributes)) same++
    else {
      const kind = a && b ? 'changed' : a ? 'gone' : 'new'
      found.push({ kind, address: address + key, formerAddress: '', type, before: a, after: b })
    }
  }
  return same
}

/** An object that left one address and came to another of its type is the same one when it has the same id. */
function joinMoves(changes: StateChange[]): StateChange[] {
  const idOf = (change: StateChange) => {
    const id = (change.before ?? change.after)?.attributes?.id
    return typeof id === 'string' && id !== '' ? `${change.type} ${id}` : null
  }
  const gone = new Map(changes.flatMap((c) => (c.kind === 'gone' && idOf(c) ? [[idOf(c)!, c] as const] : [])))
  const moved = new Set<StateChange>()
  for (const change of changes) {
    const former = change.kind === 'new' ? gone.get(idOf(change) ?? '') : undefined
    if (!former || moved.has(former)) continue
    moved.add(former)
    Object.assign(change, { kind: 'moved', formerAddress: former.address, before: former.before })
  }
  return changes.filter((change) => !moved.has(change))
}

/** What differs inside one object; secrets are masked on both sides. */
export function attributesOf(change: Pick<StateChange, 'type' | 'before' | 'after'>, known: KnownSecrets): Attribute[] {
  // what either state marks is hidden in both
  const marks = [change.before, change.after].flatMap((side) => side?.sensitive_attributes ?? [])
  const side = (instance: RawInstance | null) =>
    instance ? withoutSecrets(change.type, { ...instance, sensitive_attributes: marks }, known) : undefined
  return compareValues(side(change.before), side(change.after))
}

function compareOutputs(name: string, before: string | undefined, after: string | undefined): Attribute[] {
  const parse = (text: string | undefined) =>
    text === undefined ? null : (parseExactly(text) as { value?: unknown; sensitive?: boolean })
  const [a, b] = [parse(before), parse(after)]
  const isSecret = a?.sensitive === true || b?.sensitive === true
  const side = (output: typeof a) => output && marked(output.value, isSecret, undefined)
  return compareValues({ [name]: side(a) }, { [name]: side(b) })
}

/** The instances of one resource; null when the state has none of that address. @throws NotAState */
export async function findResource(bytes: Bytes, address: string): Promise<RawResource | null> {
  let found: RawResource | null = null
  const scanner = new StateScanner({
    resource: (text) => {
      const resource = JSON.parse(text) as RawResource
      if (!found && addressOf(resource) === address) found = resource
    },
    output: () => {},
  })
  for await (const piece of bytes) {
    scanner.feed(piece)
    if (found) return found
  }
  return found
}
