import { replaceTags, selectTags, type TaggedTable } from '../../shared/registry/tags.ts'
import type { Tag } from '../../shared/tags/tags.ts'
import { many } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { defineResource } from '../jsonapi/document.ts'
import type { Context } from '../route.ts'
import { tagsOf } from '../tags/input.ts'

/** A tag is no row of its own here: what carries it and its key are its id. */
const tagBinding = defineResource<Tag & { of: string }>({
  type: 'tag-bindings',
  id: (tag) => `${tag.of}/${tag.key}`,
  attributes: ({ key, value }) => ({ key, value: value ?? '' }),
})

export async function tagBindings(ctx: Context, table: TaggedTable, id: string) {
  const tags = await selectTags(ctx.app.db, table, id)
  return many(
    tagBinding,
    tags.map((tag) => ({ ...tag, of: id })),
    ctx,
  )
}

/** The tags of a change, when it names any: an empty list takes all away. */
export async function changeTags(ctx: Context & { input: Input<unknown> }, table: TaggedTable, id: string) {
  const tags = tagsOf(ctx.input.relationship('tag-bindings'))
  if (tags) await replaceTags(ctx.app.db, table, id, tags)
}
