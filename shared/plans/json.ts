/** The parts of a redacted plan that its rows are made of. Source: the engines' "JSON output format". */
export interface PlanDocument {
  resource_changes?: ResourceChange[]
  resource_drift?: ResourceChange[]
  output_changes?: Record<string, Change>
}

export interface ResourceChange {
  address: string
  module_address?: string
  mode?: string
  type?: string
  name?: string
  index?: string | number
  deposed?: string
  previous_address?: string
  action_reason?: string
  change: Change
}

export interface Change {
  actions: string[]
  before?: unknown
  after?: unknown
  after_unknown?: unknown
  before_sensitive?: unknown
  after_sensitive?: unknown
  replace_paths?: (string | number)[][]
  importing?: { id?: string } | null
}

/** `a.b[0]["not a name"]` */
export const pathText = (path: readonly (string | number)[]): string =>
  path.map((step, i) => stepText(step, i === 0)).join('')

const stepText = (step: string | number, isFirst: boolean): string => {
  if (typeof step === 'number') return `[${step}]`
  if (/^[A-Za-z_][\w-]*$/.test(step)) return isFirst ? step : `.${step}`
  return `[${JSON.stringify(step)}]`
}
