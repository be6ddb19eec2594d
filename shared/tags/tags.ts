import type { Tx } from '../../db/pool.ts'
import { invalid } from '../errors.ts'
import {
  deleteTagBindings,
  insertTagBinding,
  selectOptionalTagKey,
  selectTagBindings,
  type Tagged,
  updateTagBinding,
} from './queries.ts'
import { refuseOverrides } from './reserved-keys.ts'
import { isTagKey } from './rules.ts'

export interface Tag {
  key: string
  /** null for a plain tag */
  value: string | null
}

export const MAX_TAGS = 25

/** @throws problem 'invalid_attribute' */
export function checkTags(tags: readonly Tag[]): void {
  for (const { key, value } of tags) {
    if (key === '') throw invalid('key', "Key can't be blank")
    if (!isTagKey(key)) {
      throw invalid(
        'key',
        'Key may hold letters, numbers, spaces and _.:=+-@/, starts with a letter or number, and has at most 128 characters',
      )
    }
    if (value !== null && (value.length > 256 || /[\p{Cc}]/u.test(value))) {
      throw invalid('value', 'Value has at most 256 characters and no control characters')
    }
  }
}

/** Sets tags; others stay. A key that is there already gets the new value. The caller has locked what carries them. */
export async function mergeTags(tx: Tx, tagged: Tagged, tags: readonly Tag[]): Promise<void> {
  checkTags(tags)
  const present = new Map((await selectTagBindings(tx, tagged)).map((b) => [b.key, b]))
  const wanted = new Map(tags.map((tag) => [tag.key, tag]))
  if (new Set([...present.keys(), ...wanted.keys()]).size > MAX_TAGS) {
    throw invalid('tag-bindings', `Tag bindings cannot exceed ${MAX_TAGS} bindings per resource`)
  }
  if ('workspaceId' in tagged && wanted.size > 0) await refuseOverrides(tx, tagged.workspaceId, [...wanted.keys()])
  for (const tag of wanted.values()) {
    const known = present.get(tag.key)
    if (!known) await insertTagBinding(tx, tagged, tag)
    else if (known.value !== tag.value) await updateTagBinding(tx, known.id, tag.value)
  }
}

/** Makes these the only tags. */
export async function replaceTags(tx: Tx, tagged: Tagged, tags: readonly Tag[]): Promise<void> {
  const keep = new Set(tags.map((tag) => tag.key))
  const present = await selectTagBindings(tx, tagged)
  const gone = present.filter((b) => !keep.has(b.key)).map((b) => b.key)
  if (gone.length > 0) await deleteTagBindings(tx, tagged, gone)
  await mergeTags(tx, tagged, tags)
}

/** Adds plain tags; a key that is there already, with a value or without, stays as it is. */
export async function addTags(tx: Tx, tagged: Tagged, keys: readonly string[]): Promise<void> {
  const present = new Set((await selectTagBindings(tx, tagged)).map((b) => b.key))
  const missing = keys.filter((key) => !present.has(key))
  await mergeTags(
    tx,
    tagged,
    missing.map((key) => ({ key, value: null })),
  ) // prettier-ignore
}

export interface TagReference {
  id?: string | undefined
  name?: string | undefined
}

/**
 * Keys of tags that a request names by id or by name.
 * @throws problem 'invalid_attribute' for an id that no tag of the organization has
 */
export async function tagKeys(tx: Tx, organizationId: string, references: readonly TagReference[]): Promise<string[]> {
  const keys: string[] = []
  for (const { id, name } of references) {
    const key = name || (id ? await selectOptionalTagKey(tx, organizationId, id) : null)
    if (!key) throw invalid('name', id ? `Tag ${id} does not exist in this organization` : "Name can't be blank")
    keys.push(key)
  }
  return keys
}
