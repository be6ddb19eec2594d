import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { checkTags, MAX_TAGS, type Tag } from '../tags/tags.ts'

export type TaggedTable = 'registry_modules' | 'registry_providers'

const TagsRow = z.object({ tags: z.array(z.object({ key: z.string(), value: z.string().nullable() })) })

/** In the order of their keys. */
export const selectTags = async (tx: Tx, table: TaggedTable, id: string): Promise<Tag[]> =>
  (
    await tx.one(sql.type(TagsRow)`
      select tags
      from ${sql.identifier([table])}
      where id = ${id}`)
  ).tags

/** Makes these the only tags; of two with one key the last wins. @throws problem 'invalid_attribute' */
export async function replaceTags(tx: Tx, table: TaggedTable, id: string, tags: readonly Tag[]): Promise<void> {
  checkTags(tags)
  const byKey = new Map(tags.map((tag) => [tag.key, tag]))
  if (byKey.size > MAX_TAGS)
    throw invalid('tag-bindings', `Tag bindings cannot exceed ${MAX_TAGS} bindings per resource`)
  const sorted = [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  await tx.query(sql.void`
    update ${sql.identifier([table])}
    set tags = ${sql.jsonb(sorted.map(({ key, value }) => ({ key, value })))}, updated_at = now()
    where id = ${id}`)
}
