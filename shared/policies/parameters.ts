import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'

export const ParameterRow = z.object({
  id: z.string(),
  policy_set_id: z.string(),
  key: z.string(),
  value: z.instanceof(Buffer),
  sensitive: z.boolean(),
})
export type Parameter = z.output<typeof ParameterRow>

const columns = sql.fragment`p.id, p.policy_set_id, p.key, p.value, p.sensitive`

export const selectParameters = (tx: Tx, setId: string) =>
  tx.any(sql.type(ParameterRow)`
    select ${columns}
    from policy_set_parameters p
    where p.policy_set_id = ${setId}
    order by p.created_at, p.id
    limit 1000`)

export const selectOptionalParameter = (tx: Tx, setId: string, id: string) =>
  tx.maybeOne(sql.type(ParameterRow)`
    select ${columns}
    from policy_set_parameters p
    where p.policy_set_id = ${setId} and p.id = ${id}`)

export const ParameterInput = z.object({
  key: z.string().min(1, "can't be blank").max(256, 'is too long').optional(),
  value: z.string().max(262_144, 'is too long').nullable().optional(),
  category: z.literal('policy-set', 'must be policy-set').optional(),
  sensitive: z.boolean('must be true or false').nullable().optional(),
})
export type ParameterInput = z.output<typeof ParameterInput>

const context = (id: string): string => `policy_set_parameters.value:${id}`
export const openParameter = (app: App, row: Pick<Parameter, 'id' | 'value'>): string =>
  app.secrets.open(row.value, context(row.id)).toString()
const sealed = (app: App, id: string, value: string) => sql.binary(app.secrets.seal(value, context(id)))

const taken = (error: unknown): unknown =>
  error instanceof UniqueIntegrityConstraintViolationError ? invalid('key', 'Key has already been taken') : error

export async function createParameter(app: App, tx: Tx, setId: string, input: ParameterInput): Promise<string> {
  if (!input.key) throw invalid('key', "Key can't be blank")
  const id = newId('var')
  try {
    await tx.query(sql.void`
      insert into policy_set_parameters (id, policy_set_id, key, value, sensitive)
      values (${id}, ${setId}, ${input.key}, ${sealed(app, id, input.value ?? '')}, ${input.sensitive ?? false})`)
  } catch (error) {
    throw taken(error)
  }
  return id
}

/** A sensitive parameter stays sensitive: else its value could be read. */
export async function updateParameter(app: App, tx: Tx, before: Parameter, input: ParameterInput): Promise<void> {
  if (before.sensitive && input.sensitive === false)
    throw invalid('sensitive', 'Sensitive cannot be taken back. Delete the parameter and make a new one')
  const value = input.value == null ? sql.binary(before.value) : sealed(app, before.id, input.value)
  try {
    await tx.query(sql.void`
      update policy_set_parameters
      set key = ${input.key ?? before.key}, value = ${value}, sensitive = ${input.sensitive ?? before.sensitive}
      where id = ${before.id}`)
  } catch (error) {
    throw taken(error)
  }
}

export const deleteParameter = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from policy_set_parameters
    where id = ${id}`)
