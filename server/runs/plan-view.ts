import type { App } from '../../shared/app.ts'
import {
  countRows,
  type RowFilter,
  type StoredRow,
  selectFoldMembers,
  selectHeads,
  selectPlanSummary,
} from '../../shared/plans/queries.ts'
import { actions, type PlanAction, type PlanSummary, type RowKind } from '../../shared/plans/row.ts'
import type { Phase } from '../../shared/runs/queries.ts'
import { counted } from '../words.ts'
import { type ChangeView, changeView } from './change-view.ts'
import { type PlanAsk, queryOf } from './plan-ask.ts'
import { type ActionLook, actionLooks } from './plan-words.ts'

/** A closed row of the plan, and its attributes when they are in the page already. */
export interface PlanLine {
  row: StoredRow
  look: ActionLook
  notes: string[]
  open: ChangeView | null
}

export interface PlanGroup {
  id: string
  title: string
  say: string
  tone: string
  count: number | null
  isOpen: boolean
  lines: PlanLine[]
  /** query of the link to more of this group */
  more: string | null
}

export interface PlanView {
  state: 'none' | 'awaited' | 'preparing' | 'unreadable' | 'ready'
  summary: PlanSummary | null
  ask: PlanAsk
  groups: PlanGroup[]
  chips: { action: PlanAction; look: ActionLook; count: number }[]
  total: number
  isFiltered: boolean
  /** query of the link to the next rows; null at the end */
  next: string | null
}

const PAGE = 100
const OTHERS_SHOWN = 20
const OPEN_AT_FIRST = 6
const MEMBERS = 200
const lost: PlanAction[] = ['destroy', 'replace', 'forget']
const harmless = actions.filter((action) => !lost.includes(action))

/** One page of a plan. Without a filter its first page has everything that is lost, up to 100, and 100 others. */
export async function planView(app: App, plan: Phase, ask: PlanAsk): Promise<PlanView> {
  const summary = await selectPlanSummary(app.db, plan.id)
  const view: PlanView = { state: 'none', summary, ask, groups: [], chips: [], total: 0, isFiltered: false, next: null }
  if (!summary || summary.isTooLarge) return { ...view, state: stateWithoutRows(app, plan, summary) }
  const { counts } = summary
  view.state = 'ready'
  view.total = actions.reduce((sum, action) => sum + counts[action], 0)
  view.chips = actions.flatMap((action) =>
    counts[action] > 0 ? { action, look: actionLooks[action], count: counts[action] } : [],
  )
  view.isFiltered = ask.kind !== 'change' || ask.action !== '' || ask.q !== '' || ask.withoutNoise
  const filter: RowFilter = {
    kind: ask.kind,
    actions: ask.action ? [ask.action] : undefined,
    search: ask.q || undefined,
    withoutNoise: ask.withoutNoise,
  }
  const isFirstPage = !view.isFiltered && ask.order === 'risk' && ask.after === 0
  let rows: StoredRow[]
  if (isFirstPage) {
    const grave = await selectHeads(
      app.db,
      plan.id,
      { ...filter, actions: lost },
      { order: 'risk', after: 0, size: PAGE },
    )
    const others = await selectHeads(
      app.db,
      plan.id,
      { ...filter, actions: harmless },
      { order: 'risk', after: 0, size: PAGE },
    )
    rows = [...grave.slice(0, PAGE), ...others.slice(0, PAGE)]
    view.groups = await groupsOf(app, plan, view, rows, counts)
    const cut = view.groups.findLast((group) => lost.some((action) => group.id === `g-${action}`))
    if (grave.length > PAGE && cut)
      cut.more = queryOf(ask, { action: grave[PAGE]!.action, after: grave[PAGE - 1]!.number })
    if (others.length > PAGE) view.next = queryOf(ask, { after: others[PAGE - 1]!.number })
    if (others.length <= PAGE) view.groups.push(...(await otherGroups(app, plan, view)))
  } else {
    const found = await selectHeads(app.db, plan.id, filter, { order: ask.order, after: ask.after, size: PAGE })
    rows = found.slice(0, PAGE)
    const all = ask.q || ask.withoutNoise ? await countRows(app.db, plan.id, filter) : new Map(Object.entries(counts))
    view.groups = await groupsOf(app, plan, view, rows, Object.fromEntries(all))
    if (found.length > PAGE) view.next = queryOf(ask, { after: rows.at(-1)!.number })
  }
  return view
}

/** So long the rows of a plan may take; after that something failed. */
const PREPARED_WITHIN_MS = 10 * 60_000

function stateWithoutRows(app: App, plan: Phase, summary: PlanSummary | null): PlanView['state'] {
  if (['pending', 'queued', 'running'].includes(plan.status)) return 'awaited'
  if (!plan.plan_json_redacted_blob_id) return 'none'
  const age = app.now().getTime() - (plan.finished_at?.getTime() ?? 0)
  return summary || age > PREPARED_WITHIN_MS ? 'unreadable' : 'preparing'
}

async function groupsOf(
  app: App,
  plan: Phase,
  { ask, total }: PlanView,
  rows: readonly StoredRow[],
  counts: Partial<Record<string, number>>,
): Promise<PlanGroup[]> {
  const keyOf = (row: StoredRow) =>
    ask.kind !== 'change'
      ? ask.kind
      : ask.order === 'risk'
        ? row.action
        : ask.order === 'module'
          ? row.module
          : row.type
  const groups: PlanGroup[] = []
  let opened = 0
  for (const [key, members] of Map.groupBy(rows, keyOf)) {
    const look = ask.kind === 'change' && ask.order === 'risk' ? actionLooks[key as PlanAction] : null
    const lines: PlanLine[] = []
    for (const row of members) {
      const opens =
        ask.openAll ||
        (ask.kind === 'change' && ask.after === 0 && (total <= 5 || isGrave(row)) && opened < OPEN_AT_FIRST)
      if (opens) opened++
      lines.push(await lineOfRow(app, plan.id, row, opens))
    }
    groups.push({
      id: `g-${key || 'root'}`,
      title: look?.title ?? (otherTitles[key as RowKind] || key || 'Root module'),
      say: look?.say ?? '',
      tone: look?.tone ?? 'gray',
      count: look ? (counts[key] ?? null) : null,
      isOpen: key !== 'read' || ask.action === 'read',
      lines,
      more: null,
    })
  }
  return groups
}

const isGrave = (row: StoredRow): boolean => row.action === 'destroy' || row.action === 'replace'

const otherTitles: Partial<Record<string, string>> = { outside: 'Changed outside', output: 'Outputs' }

/** Outputs, and what the engine found changed outside of runs: the first ones of each. */
async function otherGroups(app: App, plan: Phase, { ask, summary, total }: PlanView): Promise<PlanGroup[]> {
  const groups: PlanGroup[] = []
  for (const kind of ['output', 'outside'] as const) {
    const count = kind === 'output' ? summary!.outputs : summary!.outside
    if (count === 0) continue
    const found = await selectHeads(app.db, plan.id, { kind }, { order: 'risk', after: 0, size: OTHERS_SHOWN })
    const lines = await Promise.all(
      found.slice(0, OTHERS_SHOWN).map((row) => lineOfRow(app, plan.id, row, total === 0)),
    )
    groups.push({
      id: `g-${kind}`,
      title: otherTitles[kind]!,
      say: kind === 'outside' ? 'since the last apply, not by a run of this workspace' : '',
      tone: 'gray',
      count,
      isOpen: kind === 'output' || total === 0,
      lines,
      more: found.length > OTHERS_SHOWN ? queryOf(ask, { kind }) : null,
    })
  }
  return groups
}

async function lineOfRow(app: App, planId: string, row: StoredRow, opens: boolean): Promise<PlanLine> {
  return {
    row,
    look: actionLooks[row.action],
    notes: notesOf(row),
    open: opens ? await openRow(app, planId, row, { all: false }) : null,
  }
}

export async function openRow(
  app: App,
  planId: string,
  row: StoredRow,
  options: { all: boolean },
): Promise<ChangeView> {
  const members = row.change.fold ? await selectFoldMembers(app.db, planId, row.number, MEMBERS) : []
  return changeView(row, members, options)
}

/** What a closed row says at its end. */
function notesOf({ action, change, kind }: StoredRow): string[] {
  if (change.fold?.of === 'resources') return []
  if (change.fold) {
    const { varies } = change.fold
    return varies.length > 0 && varies.length <= 3
      ? [`only ${varies.join(', ')} ${varies.length === 1 ? 'differs' : 'differ'}`]
      : []
  }
  if (action !== 'update' || kind === 'output') return []
  const differing = change.attributes.filter((a) => a.op !== 'same')
  const masked = differing.filter((a) => [a.before, a.after].some((v) => typeof v === 'object' && v.why === 'masked'))
  return [counted(differing.length, 'attribute') + (masked.length > 0 ? `, ${masked.length} sensitive` : '')]
}
