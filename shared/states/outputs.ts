import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'
import { parseExactly } from './exact-json.ts'
import type { StateOutput } from './output-values.ts'

export const OutputRow = z.object({
  id: z.string(),
  state_version_id: z.string(),
  workspace_id: z.string(),
  project_id: z.string(),
  organization_id: z.string(),
  name: z.string(),
  sensitive: z.boolean(),
  type: z.string(),
  value: z.instanceof(Buffer),
})
export type Output = z.output<typeof OutputRow>

const columns = sql.fragment`
  x.id, x.state_version_id, s.workspace_id, w.project_id, w.organization_id, x.name, x.sensitive, x.type, x.value`

const tables = sql.fragment`
  state_version_outputs x
  join state_versions s on s.id = x.state_version_id
  join workspaces w on w.id = s.workspace_id
  join organizations o on o.id = w.organization_id and o.deleted_at is null`

/** null also when the bytes of its state version were deleted. */
export const selectOptionalOutput = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(OutputRow)`
    select ${columns}
    from ${tables}
    where x.id = ${id} and s.status = 'finalized'`)

/** By name; all of them when no page is given. */
export const selectOutputs = (tx: Tx, stateVersionIds: readonly string[], page?: { size: number; offset: number }) =>
  tx.any(sql.type(OutputRow)`
    select ${columns}
    from ${tables}
    where x.state_version_id = any(${sql.array([...stateVersionIds], 'text')}) and s.status = 'finalized'
    order by x.state_version_id, x.name
    limit ${page?.size ?? null} offset ${page?.offset ?? 0}`)

const context = (id: string) => `state_version_outputs:${id}`

/** Sealed with what they are of; one that is there already stays. */
export async function insertOutputs(
  app: App,
  tx: Tx,
  stateVersionId: string,
  outputs: readonly StateOutput[],
): Promise<void> {
  if (outputs.length === 0) return
  const rows = outputs.map((output) => {
    const id = newId('wsout')
    return [id, stateVersionId, output.name, output.sensitive, output.kind, app.secrets.seal(output.json, context(id))]
  })
  await tx.query(sql.void`
    insert into state_version_outputs (id, state_version_id, name, sensitive, type, value)
    select *
    from ${sql.unnest(rows as never, ['text', 'text', 'text', 'bool', 'text', 'bytea'])}
    on conflict (state_version_id, name) do nothing`)
}

/** @throws problem 'corrupt' */
export const openOutput = (app: App, output: Output): { value: unknown; type: unknown } =>
  parseExactly(app.secrets.open(output.value, context(output.id)).toString('utf8')) as { value: unknown; type: unknown }
