import { randomBytes } from 'node:crypto'
import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import type { App } from '../app.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import {
  insertVariable,
  lockOptionalVariable,
  selectOptionalVariable,
  updateVariableRow,
  type Variable,
  type VariableOwner,
} from './queries.ts'

const MAX_VALUE_BYTES = 256 * 1024
const MAX_DESCRIPTION = 512

export const VariableInput = z.object({
  key: z.string().optional(),
  value: z.string('must be a text').nullable().optional(),
  description: z.string().nullable().optional(),
  category: z.enum(['terraform', 'env'], 'is terraform or env').optional(),
  hcl: z.boolean('must be true or false').nullable().optional(),
  sensitive: z.boolean('must be true or false').nullable().optional(),
})
export type VariableInput = z.output<typeof VariableInput>

const context = (id: string): string => `variables:${id}`

/** The value in clear: for the owner of a variable that is not sensitive, and for a run. */
export const openValue = (app: App, variable: Pick<Variable, 'id' | 'value'>): string =>
  app.secrets.open(variable.value, context(variable.id)).toString('utf8')

function check(variable: Pick<Variable, 'key' | 'category' | 'hcl' | 'description'>, value: string | undefined): void {
  const { key, category } = variable
  if (key === '') throw invalid('key', "Key can't be blank")
  const rule = category === 'env' ? /^[A-Za-z0-9_.-]+$/ : /^[A-Za-z0-9_-]+$/
  if (key.length > 256 || !rule.test(key)) {
    throw invalid('key', 'Key may only contain letters, numbers, underscores (_) and dashes (-), at most 256 of them')
  }
  if (category === 'env' && variable.hcl) throw invalid('hcl', 'HCL cannot be used with environment variables')
  if (variable.description.length > MAX_DESCRIPTION) {
    throw invalid('description', `Description is too long (maximum is ${MAX_DESCRIPTION} characters)`)
  }
  if (value === undefined) return
  if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
    throw invalid('value', `Value is too long (maximum is ${MAX_VALUE_BYTES} bytes)`)
  }
  if (value.includes('\0')) throw invalid('value', 'Value must not hold a NUL character')
}

const newVersion = (): string => randomBytes(32).toString('hex')

const taken = (error: unknown): unknown =>
  error instanceof UniqueIntegrityConstraintViolationError ? invalid('key', 'Key has already been taken') : error

/** @throws problem 'invalid_attribute'; `by` is the user who sets it */
export async function createVariable(
  app: App,
  tx: Tx,
  owner: VariableOwner,
  input: VariableInput,
  by: string | null = null,
): Promise<Variable> {
  if (input.key === undefined) throw invalid('key', "Key can't be blank")
  if (input.category === undefined) throw invalid('category', "Category can't be blank")
  const id = newId('var')
  const value = input.value ?? ''
  const row = {
    id,
    key: input.key,
    description: input.description ?? '',
    category: input.category,
    hcl: input.hcl ?? false,
    sensitive: input.sensitive ?? false,
    version_id: newVersion(),
  }
  check(row, value)
  try {
    await insertVariable(tx, owner, { ...row, value: app.secrets.seal(value, context(id)) }, by)
  } catch (error) {
    throw taken(error)
  }
  return (await selectOptionalVariable(tx, owner, id))!
}

/**
 * What the request leaves out stays. A sensitive variable stays sensitive: its value is never shown again.
 * @throws problem 'not_found', 'invalid_attribute'
 */
export async function updateVariable(
  app: App,
  tx: Tx,
  owner: VariableOwner,
  id: string,
  input: VariableInput,
  by: string | null = null,
): Promise<Variable> {
  const before = await lockOptionalVariable(tx, owner, id)
  if (!before) throw problem('not_found')
  if (before.sensitive && input.sensitive === false) {
    throw invalid('sensitive', 'Sensitive cannot be switched off: delete the variable and create it again')
  }
  const value = input.value === undefined ? undefined : (input.value ?? '')
  const after: Variable = {
    ...before,
    key: input.key ?? before.key,
    description: input.description === undefined ? before.description : (input.description ?? ''),
    category: input.category ?? before.category,
    hcl: input.hcl ?? before.hcl,
    sensitive: input.sensitive ?? before.sensitive,
    version_id: newVersion(),
    value: value === undefined ? before.value : app.secrets.seal(value, context(id)),
  }
  check(after, value)
  try {
    await updateVariableRow(tx, after, value === undefined ? undefined : by)
  } catch (error) {
    throw taken(error)
  }
  return after
}
