import { isDeepStrictEqual } from 'node:util'
import type { ChangeCounts } from '../../shared/phase.ts'
import { SecretMask } from './secret-mask.ts'

/** The parts of `show -json PLAN` that are read here. Source: the engines' "JSON output format". */
export interface PlanJson {
  applyable?: boolean
  resource_changes?: ResourceChange[]
  resource_drift?: ResourceChange[]
  output_changes?: Record<string, Change>
  [key: string]: unknown
}

interface ResourceChange {
  mode?: string
  previous_address?: string
  change: Change
}

interface Change {
  actions: string[]
  before?: unknown
  after?: unknown
  before_sensitive?: unknown
  after_sensitive?: unknown
  importing?: unknown
  generated_config?: string
}

export interface PlanSummary {
  hasChanges: boolean
  counts: ChangeCounts
  generatedConfiguration: boolean
}

/** A replacement counts as one addition and one destruction; leaving the state (`forget`) is a change of none. */
export function summarizePlan(plan: PlanJson, options: { refreshOnly: boolean }): PlanSummary {
  const managed = (plan.resource_changes ?? []).filter((resource) => resource.mode !== 'data')
  const count = (test: (change: Change) => boolean) => managed.filter(({ change }) => test(change)).length
  return {
    hasChanges: plan.applyable ?? hasChanges(plan, managed, options.refreshOnly),
    counts: {
      additions: count((change) => change.actions.includes('create')),
      changes: count((change) => change.actions.includes('update')),
      destructions: count((change) => change.actions.includes('delete')),
      imports: count((change) => change.importing !== undefined && change.importing !== null),
    },
    generatedConfiguration: managed.some(({ change }) => Boolean(change.generated_config)),
  }
}

/** For engines whose plan JSON does not say `applyable`. */
function hasChanges(plan: PlanJson, managed: ResourceChange[], refreshOnly: boolean): boolean {
  const acts = (change: Change) => change.actions.some((action) => action !== 'no-op' && action !== 'read')
  if (refreshOnly && (plan.resource_drift ?? []).length > 0) return true
  return (
    managed.some((resource) => acts(resource.change) || resource.change.importing || resource.previous_address) ||
    Object.values(plan.output_changes ?? {}).some(acts)
  )
}

/** What readers of a plan need. Everything else (variables, prior state, configuration) may hold secrets in clear. */
const SHOWN = [
  'format_version',
  'terraform_version',
  'timestamp',
  'applyable',
  'complete',
  'errored',
  'relevant_attributes',
  'checks',
] as const

/**
 * The plan as people who may not see secrets see it: the value of every sensitive attribute and output is replaced,
 * and every text that holds a known secret.
 * Source: cli-protocol.md 4.3; the CLI renders this document, so a replaced value keeps its type.
 */
export function redactPlan(plan: PlanJson, known: SecretMask = new SecretMask([])): PlanJson {
  const marked = markedTexts(plan)
  const secrets: Secrets = { has: (text) => marked.has(text) || known.text(text) !== text }
  const redactChange = (change: Change) => redact(change, secrets)
  const resources = (list: ResourceChange[] | undefined) =>
    list?.map((resource) => ({ ...resource, change: redactChange(resource.change) }))
  const shown: PlanJson = Object.fromEntries(SHOWN.flatMap((key) => (key in plan ? [[key, plan[key]]] : [])))
  for (const key of ['resource_changes', 'resource_drift'] as const) {
    if (plan[key]) shown[key] = resources(plan[key])!
  }
  if (Array.isArray(plan.deferred_changes)) {
    shown.deferred_changes = plan.deferred_changes.map((deferred: { resource_change: ResourceChange }) => ({
      ...deferred,
      resource_change: {
        ...deferred.resource_change,
        change: redactChange(deferred.resource_change.change),
      },
    }))
  }
  if (plan.output_changes) {
    shown.output_changes = Object.fromEntries(
      Object.entries(plan.output_changes).map(([name, change]) => [name, redactChange(change)]),
    )
  }
  return shown
}

/** Shorter ones are no secrets worth the name, and would hide words that only happen to be the same. */
const SECRET_FROM = 6

/**
 * Texts that some place of the plan marks as sensitive. Providers copy arguments into attributes without their marks
 * (`output` of terraform_data is its `input`), so that the same text is hidden wherever it stands alone.
 */
function markedTexts(plan: PlanJson): Set<string> {
  const found = new Set<string>()
  const collect = (value: unknown, marks: unknown): void => {
    if (typeof value === 'string') {
      if (marks === true && value.length >= SECRET_FROM) found.add(value)
    } else if (typeof value === 'object' && value !== null && (marks === true || typeof marks === 'object')) {
      for (const [key, item] of Object.entries(value)) {
        collect(item, marks === true ? true : marks && own(marks as Record<string, unknown>, key))
      }
    }
  }
  const changes = [...(plan.resource_changes ?? []), ...(plan.resource_drift ?? [])].map((resource) => resource.change)
  for (const change of [...changes, ...Object.values(plan.output_changes ?? {})]) {
    collect(change.before, change.before_sensitive)
    collect(change.after, change.after_sensitive)
  }
  return found
}

interface Secrets {
  has(text: string): boolean
}

function redact(change: Change, secrets: Secrets): Change {
  const redacted = { ...change }
  const hide = (value: unknown, marks: unknown, other: unknown, side: Side) => mask(value, marks, other, side, secrets)
  if ('before' in change) redacted.before = hide(change.before, change.before_sensitive, change.after, 'before')
  if ('after' in change) redacted.after = hide(change.after, change.after_sensitive, change.before, 'after')
  return redacted
}

type Side = 'before' | 'after'

/** @param other the value at the same place on the other side, so that a difference stays visible as one */
function mask(value: unknown, marks: unknown, other: unknown, side: Side, secrets: Secrets): unknown {
  if (marks === true || (typeof value === 'string' && secrets.has(value))) return placeholder(value, other, side)
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      mask(
        item,
        Array.isArray(marks) ? marks[index] : undefined,
        Array.isArray(other) ? other[index] : undefined,
        side,
        secrets,
      ),
    )
  }
  if (isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        mask(
          item,
          isObject(marks) ? own(marks, key) : undefined,
          isObject(other) ? own(other, key) : undefined,
          side,
          secrets,
        ),
      ]),
    )
  }
  return value
}

function placeholder(value: unknown, other: unknown, side: Side): unknown {
  const differs = typeof value === typeof other && other !== null && !isDeepStrictEqual(value, other)
  switch (typeof value) {
    case 'string':
      return side === 'after' && differs ? '(sensitive value, changed)' : '(sensitive value)'
    case 'number':
      return side === 'after' && differs ? 1 : 0
    case 'boolean':
      return side === 'after' && differs
    default:
      if (value === null || value === undefined || (side === 'before' && differs)) return null
      return Array.isArray(value) ? [] : {}
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const own = (object: Record<string, unknown>, key: string) => (Object.hasOwn(object, key) ? object[key] : undefined)
