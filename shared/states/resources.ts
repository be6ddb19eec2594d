import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'
import type { StateResource, StateSummary } from './contents.ts'

export const ResourceRow = z.object({
  id: z.string(),
  state_version_id: z.string(),
  address: z.string(),
  name: z.string(),
  type: z.string(),
  module: z.string(),
  provider: z.string(),
  instance_count: z.number(),
  created_at: z.date(),
})
export type Resource = z.output<typeof ResourceRow>

const CountRow = z.object({ count: z.number() })

/** What the current state holds, by address; data sources too. */
export async function selectResourcesOfWorkspace(tx: Tx, workspaceId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(ResourceRow)`
    select r.id, r.state_version_id, r.address, r.name, r.type, r.module, r.provider, r.instance_count, s.created_at
    from workspaces w
    join state_versions s on s.id = w.current_state_version_id and s.resources_processed
    join state_resources r on r.state_version_id = s.id
    where w.id = ${workspaceId}
    order by r.address
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(CountRow)`
    select count(*)::int as count
    from workspaces w
    join state_versions s on s.id = w.current_state_version_id and s.resources_processed
    join state_resources r on r.state_version_id = s.id
    where w.id = ${workspaceId}`)
  return { rows, totalCount: count }
}

/** One that is there already stays: processing may be repeated. */
export async function insertResources(
  tx: Tx,
  stateVersionId: string,
  resources: readonly StateResource[],
): Promise<void> {
  if (resources.length === 0) return
  const rows = resources.map((r) => [
    stateVersionId,
    r.address,
    newId('wsr'),
    r.name,
    r.type,
    r.module,
    r.provider,
    r.mode,
    r.instanceCount,
  ])
  await tx.query(sql.void`
    insert into state_resources (state_version_id, address, id, name, type, module, provider, mode, instance_count)
    select *
    from ${sql.unnest(rows, ['text', 'text', 'text', 'text', 'text', 'text', 'text', 'text', 'int4'])}
    on conflict (state_version_id, address) do nothing`)
}

/** Marks the version as processed, and counts for the workspace when it is still the current one. */
export async function markProcessed(tx: Tx, stateVersionId: string, summary: StateSummary): Promise<void> {
  await tx.query(sql.void`
    update state_versions
    set resources_processed = true, resource_count = ${summary.resourceCount},
      modules = ${sql.jsonb(summary.modules)}, providers = ${sql.jsonb(summary.providers)},
      engine_version = case when ${summary.engineVersion} = '' then engine_version else ${summary.engineVersion} end
    where id = ${stateVersionId}`)
  await tx.query(sql.void`
    update workspaces
    set resource_count = ${summary.resourceCount}
    where current_state_version_id = ${stateVersionId}`)
}
