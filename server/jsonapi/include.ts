import { problem } from '../../shared/errors.ts'
import type { Context } from '../route.ts'
import { type Included, type ResourceDefinition, type ResourceObject, resourceObjects } from './document.ts'

/** The include paths asked for, kebab-case: clients send `created_by` and `current-state-version` alike. */
export const includePaths = (ctx: Context): string[] =>
  [ctx.query.include ?? []]
    .flat()
    .flatMap((text) => text.split(','))
    .map((path) => path.trim().replaceAll('_', '-'))
    .filter(Boolean)

/**
 * Objects for `included`: each once, never one of the primary data (the Go decoder would recurse for ever).
 * @throws problem 'invalid_include' for a path that the resource does not offer
 */
export async function includedObjects<T>(
  resource: ResourceDefinition<T>,
  rows: readonly T[],
  ctx: Context,
): Promise<ResourceObject[] | undefined> {
  const paths = includePaths(ctx)
  if (paths.length === 0) return undefined
  const seen = new Set(rows.map((row) => `${resource.type} ${resource.id(row)}`))
  const objects: ResourceObject[] = []
  for (const path of paths) {
    const load = resource.includes && Object.hasOwn(resource.includes, path) ? resource.includes[path] : undefined
    if (!load) throw problem('invalid_include', { detail: `Invalid include parameter: ${path}` })
    const groups: Included[] = rows.length === 0 ? [] : [await load(rows, ctx)].flat()
    for (const group of groups) {
      const fresh = group.rows.filter((row) => {
        const key = `${group.resource.type} ${group.resource.id(row)}`
        return !seen.has(key) && seen.add(key)
      })
      objects.push(...(await resourceObjects(group.resource, fresh, ctx)))
    }
  }
  return objects
}
