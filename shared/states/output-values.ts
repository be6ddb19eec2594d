import { invalid } from '../errors.ts'
import { isRawNumber, parseExactly } from './exact-json.ts'

export interface StateOutput {
  name: string
  sensitive: boolean
  kind: 'string' | 'number' | 'bool' | 'array' | 'map' | 'null'
  /** JSON of { value, type }; type is the cty type as the engines write it: "string", ["list","string"], … */
  json: string
}

/** `text` is an object with value, type and sensitive: of the state's `outputs` or of json-state-outputs. */
export const outputOf = (name: string, text: string): StateOutput => fromParsed(name, parseExactly(text))

function fromParsed(name: string, parsed: unknown): StateOutput {
  const { value = null, type = null, sensitive } = parsed as { value?: unknown; type?: unknown; sensitive?: unknown }
  return { name, sensitive: sensitive === true, kind: kindOf(value), json: JSON.stringify({ value, type }) }
}

function kindOf(value: unknown): StateOutput['kind'] {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  return typeof value === 'number' || isRawNumber(value) ? 'number' : 'map'
}

/** What the client says the outputs are: { name: { sensitive, value, type } }. @throws problem 'invalid_attribute' */
export function outputsOf(json: string): StateOutput[] {
  let parsed: unknown
  try {
    parsed = parseExactly(json)
  } catch {
    throw invalid('json-state-outputs', 'Json state outputs is not base64 of a JSON object.')
  }
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject(parsed) || !Object.values(parsed as object).every(isObject)) {
    throw invalid(
      'json-state-outputs',
      'Json state outputs must hold an object with value, type and sensitive for each output.',
    )
  }
  return Object.entries(parsed as object).map(([name, output]) => fromParsed(name, output))
}
