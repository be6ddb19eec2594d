import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { isObject, Masked, marked } from '../plans/marked.ts'

/** Attributes by type that plans of the organization marked as sensitive. */
export type KnownSecrets = ReadonlyMap<string, ReadonlySet<string>>

export async function selectKnownSecrets(tx: Tx, organizationId: string): Promise<KnownSecrets> {
  const rows = await tx.any(sql.type(z.object({ type: z.string(), paths: z.array(z.string()) }))`
    select type, array_agg(path) as paths
    from sensitive_attributes
    where organization_id = ${organizationId}
    group by type`)
  return new Map(rows.map(({ type, paths }) => [type, new Set(paths)]))
}

/** Names that say enough: a state of a client that never planned here has no other marks of its providers' secrets. */
const secretName =
  /(^|_)(pass(word|wd|phrase)?|secrets?|token|credentials?|private_key(_\w+)?|api_key|access_key|client_key|connection_string|kubeconfig|kube_config|auth_string|bcrypt_hash|sensitive_content(_base64)?)$|secret_string|secret_binary|_connection_string$/
const secretTypes: Record<string, readonly string[]> = { random_password: ['result'] }

/** As the engines write them into `sensitive_attributes`. */
type Step = { type: 'get_attr'; value: string } | { type: 'index'; value: { value: string | number } }

export interface RawInstance {
  index_key?: string | number
  deposed?: string
  attributes?: Record<string, unknown>
  sensitive_attributes?: Step[][]
}

const SECRET_FROM = 6

/** The attributes of one object, with `Masked` where a secret stands, and where a copy of it stands. */
export function withoutSecrets(type: string, instance: RawInstance, known: KnownSecrets): unknown {
  const attributes = type === 'terraform_data' ? unwrapped(instance.attributes ?? {}) : (instance.attributes ?? {})
  const marks: Record<string, unknown> = {}
  for (const steps of instance.sensitive_attributes ?? []) mark(marks, steps)
  for (const name of Object.keys(attributes)) {
    if (known.get(type)?.has(name) || secretTypes[type]?.includes(name)) marks[name] = true
  }
  markByName(attributes, marks)
  const shown = marked(attributes, marks, undefined)
  const texts = new Set<string>()
  collect(shown, texts)
  return texts.size > 0 ? hideCopies(shown, texts) : shown
}

function mark(marks: Record<string, unknown>, steps: readonly Step[]): void {
  let at = marks
  for (const [i, step] of steps.entries()) {
    const key = String(step.type === 'get_attr' ? step.value : step.value.value)
    if (at[key] === true) return
    if (i === steps.length - 1) at[key] = true
    else {
      at[key] ??= {}
      at = at[key] as Record<string, unknown>
    }
  }
}

function markByName(value: unknown, marks: Record<string, unknown>): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) {
    if (marks[key] === true) continue
    if (typeof item === 'object' && item !== null) {
      const below = (marks[key] ?? {}) as Record<string, unknown>
      markByName(item, below)
      if (Object.keys(below).length > 0) marks[key] = below
    } else if (secretName.test(key) && item !== null && item !== '') marks[key] = true
  }
}

/** terraform_data keeps values with their types. */
const unwrapped = (attributes: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      isObject(value) && Object.keys(value).sort().join() === 'type,value' ? value.value : value,
    ]),
  )

function collect(value: unknown, texts: Set<string>): void {
  if (value instanceof Masked) {
    if (typeof value.value === 'string' && value.value.length >= SECRET_FROM) texts.add(value.value)
  } else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) collect(item, texts)
}

function hideCopies(value: unknown, texts: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return texts.has(value) ? new Masked(value) : value
  if (Array.isArray(value)) return value.map((item) => hideCopies(item, texts))
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hideCopies(item, texts)]))
  return value
}
