import { visibleWorkspaces } from '../../shared/access/visible.ts'
import type { WorkspaceFilter } from '../../shared/workspaces/list.ts'
import { listOf, textOf } from '../jsonapi/query.ts'
import type { Context } from '../route.ts'

/** `filter[tagged][0][key]=env&filter[tagged][0][value]=prod`; entries come in any order. */
export function taggedFilter(ctx: Context): { key: string; value: string | undefined }[] {
  return Object.keys(ctx.query)
    .flatMap((name) => /^filter\[tagged\]\[(\d+)\]\[key\]$/.exec(name)?.[1] ?? [])
    .slice(0, 50)
    .flatMap((i) => {
      const key = textOf(ctx, `filter[tagged][${i}][key]`)
      return key ? [{ key, value: textOf(ctx, `filter[tagged][${i}][value]`) }] : []
    })
}

/** Parameters that mean nothing are ignored: terraform sends `TagBindings=` by mistake. */
export async function workspaceFilter(ctx: Context, organizationId: string): Promise<WorkspaceFilter> {
  return {
    organizationId,
    visible: await visibleWorkspaces(ctx.access, organizationId),
    name: textOf(ctx, 'search[name]'),
    wildcardName: textOf(ctx, 'search[wildcard-name]'),
    tags: listOf(ctx, 'search[tags]'),
    excludeTags: listOf(ctx, 'search[exclude-tags]'),
    tagged: taggedFilter(ctx),
    projectId: textOf(ctx, 'filter[project][id]'),
    currentRunStatuses: listOf(ctx, 'filter[current-run][status]'),
    sort: textOf(ctx, 'sort'),
  }
}
