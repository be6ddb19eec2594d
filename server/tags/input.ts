import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import type { Tag, TagReference } from '../../shared/tags/tags.ts'

const MAX_ITEMS = 200

const Binding = z.object({
  attributes: z.object({ key: z.string(), value: z.string().nullish() }),
})
const Reference = z.object({
  id: z.string().nullish(),
  attributes: z.object({ name: z.string().nullish() }).nullish(),
})

function listOf<T>(data: unknown, item: z.ZodType<T>, form: string): T[] | undefined {
  if (data === undefined) return undefined
  const parsed = z
    .array(item)
    .max(MAX_ITEMS)
    .safeParse(data ?? [])
  if (!parsed.success) throw problem('bad_request', `A list of ${form} is expected, of at most ${MAX_ITEMS}.`)
  return parsed.data
}

/** `[{"type":"tag-bindings","attributes":{"key","value"}}]`; an empty value is none. undefined: not in the request. */
export const tagsOf = (data: unknown): Tag[] | undefined =>
  listOf(data, Binding, '{ "attributes": { "key", "value" } }')?.map(({ attributes: { key, value } }) => ({
    key,
    value: value || null,
  }))

/** `[{"type":"tags","attributes":{"name"}}]`, or with the id of a known tag. */
export const tagReferencesOf = (data: unknown): TagReference[] | undefined =>
  listOf(data, Reference, '{ "id" } or { "attributes": { "name" } }')?.map(({ id, attributes }) => ({
    id: id ?? undefined,
    name: attributes?.name ?? undefined,
  }))

/** Plain tags that a new workspace is given by name. */
export const flatTagsOf = (data: unknown): Tag[] | undefined =>
  tagReferencesOf(data)?.flatMap(({ name }) => (name ? [{ key: name, value: null }] : []))

/** The list that is the data of a request of its own. @throws problem 'bad_request' when there is none */
export function required<T>(list: T[] | undefined): T[] {
  if (!list) throw problem('bad_request', 'The body must be { "data": […] }.')
  return list
}
