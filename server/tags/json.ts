import type { OrganizationTag } from '../../shared/tags/organization-tags.ts'
import type { TagBinding } from '../../shared/tags/queries.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'

/** A tag with an optional value, on a workspace or project. */
export const tagBinding = defineResource<TagBinding>({
  type: 'tag-bindings',
  id: (b) => b.id,
  attributes: (b) => ({ key: b.key, value: b.value ?? '' }),
})

export type EffectiveTag = TagBinding & { inheritedFrom: string | null }

/** A tag that holds for a workspace; one that comes from its project links to it. */
export const effectiveTagBinding = defineResource<EffectiveTag>({
  type: 'effective-tag-bindings',
  id: (b) => b.id,
  attributes: (b) => ({ key: b.key, value: b.value ?? '' }),
  links: (b) => (b.inheritedFrom ? { 'inherited-from': `/api/v2/projects/${b.inheritedFrom}` } : undefined),
})

/** A workspace's own tags and those of its project; for one key the workspace's counts. */
export function effectiveTags(w: {
  project_id: string
  tag_bindings: readonly TagBinding[]
  project_tag_bindings: readonly TagBinding[]
}): EffectiveTag[] {
  const own = new Set(w.tag_bindings.map((b) => b.key))
  return [
    ...w.tag_bindings.map((b) => ({ ...b, inheritedFrom: null })),
    ...w.project_tag_bindings.filter((b) => !own.has(b.key)).map((b) => ({ ...b, inheritedFrom: w.project_id })),
  ]
}

/** A key as the older API has it: a tag with a name. */
export const tag = defineResource<Pick<TagBinding, 'tag_id' | 'key'> & Partial<OrganizationTag>>({
  type: 'tags',
  id: (t) => t.tag_id,
  attributes: (t) => ({ name: t.key, 'instance-count': t.instance_count }),
  relationships: (t) => (t.organization_name ? { organization: toOne('organizations', t.organization_name) } : {}),
})
