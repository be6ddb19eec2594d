import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'

const VariableOptions = z.array(
  z.object({ id: z.string(), name: z.string(), type: z.string(), options: z.array(z.string()) }),
)
export type VariableOptions = z.output<typeof VariableOptions>

const NoCodeRow = z.object({
  id: z.string(),
  module_id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  /** null: none was named, which is as 'latest' */
  version_pin: z.string().nullable(),
  enabled: z.boolean(),
  variable_options: VariableOptions,
})
export type NoCodeModule = z.output<typeof NoCodeRow>

const columns = sql.fragment`
  n.id, n.module_id, m.organization_id, o.name as organization_name, n.version_pin, n.enabled, n.variable_options`

const tables = sql.fragment`
  no_code_modules n
  join registry_modules m on m.id = n.module_id
  join organizations o on o.id = m.organization_id and o.deleted_at is null`

export const selectOptionalNoCodeModule = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(NoCodeRow)`
    select ${columns}
    from ${tables}
    where n.id = ${id}`)

/** By id, in no order; for includes. */
export const selectNoCodeModules = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(NoCodeRow)`
    select ${columns}
    from ${tables}
    where n.id = any(${sql.array([...ids], 'text')})`)

export interface NoCodeSettings {
  versionPin?: string | null | undefined
  enabled?: boolean | undefined
  variableOptions?: VariableOptions | undefined
}

/** @throws problem 'invalid_attribute' when the module is offered already */
export async function insertNoCodeModule(tx: Tx, moduleId: string, settings: NoCodeSettings): Promise<string> {
  const id = newId('nocode')
  try {
    await tx.query(sql.void`
      insert into no_code_modules (id, module_id, version_pin, enabled, variable_options)
      values (${id}, ${moduleId}, ${settings.versionPin ?? null}, ${settings.enabled ?? true},
        ${sql.jsonb(settings.variableOptions ?? [])})`)
  } catch (error) {
    if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error
    throw invalid('registry-module', 'Registry module is a no-code module already')
  }
  return id
}

/** What is not named stays. */
export const updateNoCodeModule = (tx: Tx, id: string, change: NoCodeSettings) =>
  tx.query(sql.void`
    update no_code_modules
    set version_pin = ${change.versionPin === undefined ? sql.fragment`version_pin` : change.versionPin},
      enabled = coalesce(${change.enabled ?? null}, enabled),
      variable_options = coalesce(${change.variableOptions ? sql.jsonb(change.variableOptions) : null}, variable_options),
      updated_at = now()
    where id = ${id}`)

/** The short way, by the module itself: offered with its newest version, or no longer. */
export const offerModule = (tx: Tx, moduleId: string, enabled: boolean) =>
  tx.query(sql.void`
    insert into no_code_modules (id, module_id, enabled)
    values (${newId('nocode')}, ${moduleId}, ${enabled})
    on conflict (module_id) do update
    set enabled = excluded.enabled, updated_at = now()`)

/** Workspaces that were made of it stay, as ordinary ones. */
export const deleteNoCodeModule = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from no_code_modules
    where id = ${id}`)

const GlobalRow = z.object({ key: z.string() })

/** Keys of Terraform variables that every workspace of the organization gets from its variable sets. */
export async function selectGlobalKeys(tx: Tx, organizationId: string): Promise<Set<string>> {
  const rows = await tx.any(sql.type(GlobalRow)`
    select distinct v.key
    from varsets s
    join variables v on v.varset_id = s.id
    where s.organization_id = ${organizationId} and s.is_global and s.project_id is null and v.category = 'terraform'`)
  return new Set(rows.map(({ key }) => key))
}

const UpgradeRow = z.object({
  workspace_id: z.string(),
  module_version: z.string().nullable(),
  version_pin: z.string().nullable(),
  versions: z.array(z.string()),
})

/** Of workspaces that were made of no-code modules: the version they have, and those that they could have. */
export const selectNoCodeVersions = (tx: Tx, workspaceIds: readonly string[]) =>
  tx.any(sql.type(UpgradeRow)`
    select w.id as workspace_id, c.module_version, n.version_pin,
      array(select v.version from registry_module_versions v where v.module_id = n.module_id and v.status = 'ok') as versions
    from workspaces w
    join no_code_modules n on n.id = w.no_code_module_id
    left join lateral (
      select v.module_version
      from configuration_versions v
      where v.workspace_id = w.id and v.current_at is not null and v.status = 'uploaded'
      order by v.current_at desc, v.id
      limit 1) c on true
    where w.id = any(${sql.array([...workspaceIds], 'text')})`)
