import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'

export const TagBindingRow = z.object({
  id: z.string(),
  tag_id: z.string(),
  key: z.string(),
  value: z.string().nullable(),
})
export type TagBinding = z.output<typeof TagBindingRow>

/** A column with the tags of a row as a JSON list; `whose` is a condition on tag_bindings `b`. */
export const tagBindingsOf = (whose: FragmentSqlToken): FragmentSqlToken => sql.fragment`
  coalesce((
    select jsonb_agg(
      jsonb_build_object('id', b.id, 'tag_id', b.tag_id, 'key', b.key, 'value', b.value) order by b.created_at, b.key)
    from tag_bindings b
    where ${whose}), '[]')`

/** What carries tags. */
export type Tagged = { organizationId: string } & ({ workspaceId: string } | { projectId: string })

export const carrier = (tagged: Tagged): FragmentSqlToken =>
  'workspaceId' in tagged
    ? sql.fragment`b.workspace_id = ${tagged.workspaceId}`
    : sql.fragment`b.project_id = ${tagged.projectId}`

/** Tags as they were given. */
export const selectTagBindings = (tx: Tx, tagged: Tagged) =>
  tx.any(sql.type(TagBindingRow)`
    select b.id, b.tag_id, b.key, b.value
    from tag_bindings b
    where ${carrier(tagged)}
    order by b.created_at, b.key`)

export const insertTagBinding = (tx: Tx, tagged: Tagged, tag: { key: string; value: string | null }) =>
  tx.query(sql.void`
    insert into tag_bindings (id, organization_id, workspace_id, project_id, key, value, created_at)
    values (${newId('tb')}, ${tagged.organizationId}, ${'workspaceId' in tagged ? tagged.workspaceId : null},
      ${'projectId' in tagged ? tagged.projectId : null}, ${tag.key}, ${tag.value}, clock_timestamp())`)

export const updateTagBinding = (tx: Tx, id: string, value: string | null) =>
  tx.query(sql.void`
    update tag_bindings
    set value = ${value}
    where id = ${id}`)

export const deleteTagBindings = (tx: Tx, tagged: Tagged, keys: readonly string[]) =>
  tx.query(sql.void`
    delete from tag_bindings b
    where ${carrier(tagged)} and b.key = any(${sql.array([...keys], 'text')})`)

const KeyRow = z.object({ key: z.string() })

/** The key behind a tag id, for as long as something in the organization carries it. */
export const selectOptionalTagKey = (tx: Tx, organizationId: string, tagId: string) =>
  tx.maybeOneFirst(sql.type(KeyRow)`
    select b.key
    from tag_bindings b
    where b.tag_id = ${tagId} and b.organization_id = ${organizationId}
    limit 1`)
