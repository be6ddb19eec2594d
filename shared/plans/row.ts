import type { Attribute } from './attributes.ts'
import type { Reason } from './reasons.ts'

/** What a row does, the gravest first: the order of display. */
export const actions = ['destroy', 'replace', 'forget', 'update', 'create', 'import', 'move', 'read'] as const
export type PlanAction = (typeof actions)[number]

export type RowKind = 'change' | 'outside' | 'output'

/** What a row shows; stored as JSON. */
export interface RowChange {
  name: string
  /** `["eu-1c"]`, or '' */
  key: string
  reasons: Reason[]
  attributes: Attribute[]
  /** Of the first of equal changes: what they have in common. */
  fold?: Fold
}

export interface Fold {
  of: 'instances' | 'resources'
  /** resources: how many types */
  types: number
  /** Top-level attributes that are not the same in all of them. */
  varies: string[]
}

export interface PlanRow {
  number: number
  head: number
  foldSize: number
  kind: RowKind
  action: PlanAction
  address: string
  module: string
  type: string
  holdsData: boolean
  isNoise: boolean
  change: RowChange
}

export interface PlanSummary {
  counts: Record<PlanAction, number>
  outside: number
  outputs: number
  unchanged: number
  noise: number
  /** Those that are lost and hold data: the first ones by name. */
  holding: { number: number; address: string; action: PlanAction }[]
  holdingCount: number
  /** It was not cut: its log and its JSON remain. */
  isTooLarge?: true
}

/** An attribute that the plan marks as sensitive. */
export interface SensitivePath {
  type: string
  path: string
}

export interface CutPlan {
  summary: PlanSummary
  rows: PlanRow[]
  sensitive: SensitivePath[]
}
