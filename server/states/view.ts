import { setImmediate as breathe } from 'node:timers/promises'
import type { App } from '../../shared/app.ts'
import { problem } from '../../shared/errors.ts'
import type { ListedVersion } from '../../shared/states/browse.ts'
import {
  addressOf,
  attributesOf,
  compareStates,
  findResource,
  keyOf,
  READ_AT_MOST,
  type StateChangeKind,
  type StateComparison,
} from '../../shared/states/compare.ts'
import { type Output, openOutput } from '../../shared/states/outputs.ts'
import { NotAState } from '../../shared/states/scan.ts'
import { selectKnownSecrets } from '../../shared/states/secrets.ts'
import type { PageContext } from '../page-route.ts'
import { type ChangeView, lineOf, linesView } from '../runs/change-view.ts'
import type { WorkspaceSubject } from '../subjects.ts'

type Ctx = PageContext & { subject: WorkspaceSubject }

export const kindLooks: Record<StateChangeKind, { word: string; symbol: string; tone: string }> = {
  gone: { word: 'gone', symbol: '−', tone: 'red' },
  changed: { word: 'changed', symbol: '~', tone: 'amber' },
  new: { word: 'new', symbol: '+', tone: 'green' },
  moved: { word: 'moved', symbol: '→', tone: 'gray' },
}

const PAGE = 100
const VALUE_SHOWN = 2000
/** Comparisons hold two states in memory for a moment: few at a time. */
const AT_ONCE = 2

export interface ComparisonView {
  /** Why it cannot be shown. */
  trouble: string | null
  counts: StateComparison['counts']
  total: number
  same: number
  kind: StateChangeKind | ''
  looks: typeof kindLooks
  rows: {
    kind: StateChangeKind
    address: string
    formerAddress: string
    differing: number
    view: ChangeView
    look: (typeof kindLooks)['gone']
  }[]
  number: number
  filtered: number
  hasMore: boolean
  outputs: ChangeView
  outputsDiffer: number
  outputCount: number
  sameLineage: boolean
}

export async function comparisonView(ctx: Ctx, before: ListedVersion, after: ListedVersion): Promise<ComparisonView> {
  const { app, subject } = ctx
  const kind = (Object.keys(kindLooks) as StateChangeKind[]).find((k) => k === ctx.ask('kind')) ?? ''
  const number = Math.max(1, Math.min(Number.parseInt(ctx.ask('page'), 10) || 1, 1000))
  const found = await comparisonOf(app, before, after)
  const counts = typeof found === 'string' ? { gone: 0, changed: 0, new: 0, moved: 0 } : found.counts
  const known = await selectKnownSecrets(app.db, subject.workspace.organization_id)
  const changes = typeof found === 'string' ? [] : found.changes.filter((c) => kind === '' || c.kind === kind)
  const shown = changes.slice((number - 1) * PAGE, number * PAGE)
  const outputLines = typeof found === 'string' ? [] : found.outputs.flatMap((o) => o.attributes.map(lineOf))
  return {
    trouble: typeof found === 'string' ? found : null,
    counts,
    total: Object.values(counts).reduce((sum, n) => sum + n, 0),
    same: typeof found === 'string' ? 0 : found.same,
    kind,
    looks: kindLooks,
    rows: shown.map((change) => {
      const attributes = attributesOf(change, known)
      const lines = attributes.map(lineOf)
      const { address, formerAddress } = change
      return {
        kind: change.kind,
        address,
        formerAddress,
        differing: attributes.filter((a) => a.op !== 'same').length,
        view: linesView(lines, { all: false }),
        look: kindLooks[change.kind],
      }
    }),
    number,
    filtered: changes.length,
    hasMore: changes.length > number * PAGE,
    outputs: linesView(outputLines, { all: false }),
    outputsDiffer: typeof found === 'string' ? 0 : found.outputs.length,
    outputCount: typeof found === 'string' ? 0 : found.outputCount,
    sameLineage: before.lineage === after.lineage,
  }
}

let running = 0

async function comparisonOf(app: App, before: ListedVersion, after: ListedVersion): Promise<StateComparison | string> {
  const trouble = unreadable(before) ?? unreadable(after)
  if (trouble) return trouble
  if (running >= AT_ONCE) throw problem('unavailable', 'Other states are being compared. Try again in a few seconds.')
  running++
  try {
    return await compareStates(await bytesOf(app, before), await bytesOf(app, after))
  } catch (error) {
    if (!(error instanceof NotAState)) throw error
    return 'One of them is not a state that can be read here: it may be encrypted. Both can be downloaded.'
  } finally {
    running--
  }
}

function unreadable({ serial, status, raw_blob_id, size_bytes }: ListedVersion): string | null {
  if (status !== 'finalized' || !raw_blob_id) return `The bytes of state ${serial} were deleted.`
  if (size_bytes > READ_AT_MOST) return `State ${serial} is too large to be read here. It can be downloaded.`
  return null
}

/** Piece by piece, with room for other requests between them. */
async function bytesOf(app: App, version: ListedVersion): Promise<AsyncIterable<Buffer>> {
  const stream = (await app.blobs.read(version.raw_blob_id!)) as AsyncIterable<Buffer>
  return (async function* () {
    for await (const piece of stream) {
      yield piece
      await breathe()
    }
  })()
}

const INSTANCES = 50

/** One resource of a state: its instances with their attributes, secrets masked. */
export async function resourceView(ctx: Ctx, version: ListedVersion, address: string) {
  const trouble = unreadable(version)
  if (trouble) return { address, trouble, instances: [], more: 0 }
  const found = await findResource(await bytesOf(ctx.app, version), address).catch((error: unknown) => {
    if (error instanceof NotAState) return null
    throw error
  })
  if (!found) throw problem('not_found', 'This state has no resource of that address.')
  const known = await selectKnownSecrets(ctx.app.db, ctx.subject.workspace.organization_id)
  const instances = found.instances ?? []
  return {
    address: addressOf(found),
    trouble: null,
    instances: instances.slice(0, INSTANCES).map((instance) => {
      const lines = attributesOf({ type: found.type, before: instance, after: null }, known).map(lineOf)
      // it is there: nothing is taken out
      const asIs = lines.map((line) => ({ ...line, op: 'same' as const, verdict: '' as const }))
      return { address: addressOf(found) + keyOf(instance), view: { ...linesView([], { all: true }), lines: asIs } }
    }),
    more: Math.max(0, instances.length - INSTANCES),
  }
}

export const outputLines = (app: App, outputs: readonly Output[]) =>
  outputs.map((output) => ({
    name: output.name,
    type: output.type,
    sensitive: output.sensitive,
    text: output.sensitive ? '' : textOf(openOutput(app, output).value),
  }))

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  return text.length > VALUE_SHOWN ? `${text.slice(0, VALUE_SHOWN)}…` : text
}
