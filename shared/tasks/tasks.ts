import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { nameTaken } from '../names.ts'
import { checkAddress, OutboundRefused } from '../outbound.ts'
import { stages } from '../runs/stages.ts'
import type { Task } from './queries.ts'

export const enforcementLevels = ['advisory', 'mandatory'] as const
export const Enforcement = z.enum(enforcementLevels, 'must be advisory or mandatory')
export const Stages = z.array(z.enum(stages, `may hold only ${stages.join(', ')}`)).max(20)

export const TaskInput = z.object({
  name: z.string().max(90, 'is too long (maximum is 90 characters)').optional(),
  url: z.string().optional(),
  description: z.string().max(1000, 'is too long').nullable().optional(),
  category: z.literal('task', 'must be task').optional(),
  'hmac-key': z.string().max(2000, 'is too long').nullable().optional(),
  enabled: z.boolean('must be true or false').optional(),
  'global-configuration': z
    .object({
      enabled: z.boolean().optional(),
      stages: Stages.optional(),
      'enforcement-level': Enforcement.optional(),
    })
    .nullable()
    .optional(),
})
export type TaskInput = z.output<typeof TaskInput>

const sealed = (app: App, id: string, key: string | null | undefined) =>
  key ? sql.binary(app.secrets.seal(key, `tasks.hmac_key:${id}`)) : null

export const openHmacKey = (app: App, row: { id: string; hmac_key: Buffer | null }): string | null =>
  row.hmac_key ? app.secrets.open(row.hmac_key, `tasks.hmac_key:${row.id}`).toString() : null

/** @throws problem 'invalid_attribute' */
export function checkTask(app: App, input: TaskInput, before: Task | null): void {
  const name = input.name ?? before?.name ?? ''
  if (!/^[\w-]+$/.test(name)) throw invalid('name', 'Name may hold only letters, digits, dashes and underscores')
  if (before && input.url === undefined) return
  if (!input.url) throw invalid('url', "Url can't be blank")
  try {
    checkAddress(input.url, app.config.outboundAllow)
  } catch (error) {
    throw error instanceof OutboundRefused ? invalid('url', `Url ${error.message}`) : error
  }
}

/** `input` has passed checkTask. */
export async function createTask(app: App, tx: Tx, organizationId: string, input: TaskInput): Promise<string> {
  const id = newId('task')
  const global = input['global-configuration']
  try {
    await tx.query(sql.void`
      insert into tasks (id, organization_id, name, description, url, hmac_key, enabled, global_enabled, global_stages,
        global_enforcement_level)
      values (${id}, ${organizationId}, ${input.name!}, ${input.description ?? ''}, ${input.url!},
        ${sealed(app, id, input['hmac-key'])}, ${input.enabled ?? true}, ${global?.enabled ?? false},
        ${sql.array([...new Set(global?.stages ?? [])], 'text')}, ${global?.['enforcement-level'] ?? 'advisory'})`)
  } catch (error) {
    throw nameTaken(error)
  }
  return id
}

export async function updateTask(app: App, tx: Tx, before: Task, input: TaskInput): Promise<void> {
  const global = input['global-configuration']
  const keepKey = input['hmac-key'] === undefined
  try {
    await tx.query(sql.void`
      update tasks
      set name = ${input.name ?? before.name}, url = ${input.url ?? before.url}, enabled = ${input.enabled ?? before.enabled},
        description = ${input.description === undefined ? before.description : (input.description ?? '')},
        hmac_key = case when ${keepKey} then hmac_key else ${sealed(app, before.id, input['hmac-key'])} end,
        global_enabled = ${global?.enabled ?? before.global_enabled},
        global_stages = ${sql.array([...new Set(global?.stages ?? before.global_stages)], 'text')},
        global_enforcement_level = ${global?.['enforcement-level'] ?? before.global_enforcement_level}, updated_at = now()
      where id = ${before.id}`)
  } catch (error) {
    throw nameTaken(error)
  }
}

export const deleteTask = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from tasks
    where id = ${id}`)
