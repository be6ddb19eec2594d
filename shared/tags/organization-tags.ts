import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

const OrganizationTagRow = z.object({
  tag_id: z.string(),
  key: z.string(),
  organization_name: z.string(),
  instance_count: z.number(),
  total_count: z.number(),
})
export type OrganizationTag = z.output<typeof OrganizationTagRow>

export interface OrganizationTagFilter {
  q: string | null
  /** Leaves out the tags that this workspace has. */
  withoutWorkspaceId: string | null
}

/** The tags that workspaces of an organization carry, by name, with the number of workspaces. */
export async function selectOrganizationTagsPage(
  tx: Tx,
  organizationId: string,
  filter: OrganizationTagFilter,
  page: { size: number; offset: number },
) {
  const rows = await tx.any(sql.type(OrganizationTagRow)`
    select b.tag_id, b.key, o.name as organization_name, count(*)::int as instance_count,
      count(*) over ()::int as total_count
    from tag_bindings b
    join organizations o on o.id = b.organization_id
    where b.organization_id = ${organizationId} and b.workspace_id is not null
      and (${filter.q}::text is null or strpos(lower(b.key), lower(${filter.q})) > 0)
      and (${filter.withoutWorkspaceId}::text is null or not exists (
        select 1
        from tag_bindings x
        where x.workspace_id = ${filter.withoutWorkspaceId} and x.key = b.key))
    group by b.tag_id, b.key, o.name
    order by b.key
    limit ${page.size} offset ${page.offset}`)
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}

/** Takes tags away from every workspace of the organization. */
export const deleteOrganizationTags = (tx: Tx, organizationId: string, tagIds: readonly string[]) =>
  tx.query(sql.void`
    delete from tag_bindings b
    where b.organization_id = ${organizationId} and b.workspace_id is not null
      and b.tag_id = any(${sql.array([...tagIds], 'text')})`)

/** The organization of a tag id; ids are distinct over organizations. */
export const selectOptionalTag = (tx: Tx, tagId: string) =>
  tx.maybeOne(sql.type(z.object({ organization_id: z.string(), key: z.string() }))`
    select b.organization_id, b.key
    from tag_bindings b
    join organizations o on o.id = b.organization_id and o.deleted_at is null
    where b.tag_id = ${tagId}
    limit 1`)
