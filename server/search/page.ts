import { sql } from '../../db/sql.ts'
import type { Access } from '../../shared/access/access.ts'
import { visibleProjects, visibleWorkspaces } from '../../shared/access/visible.ts'
import { selectOrganizationsPage } from '../../shared/organizations/queries.ts'
import type { Action } from '../../shared/permissions.ts'
import { type Found, type Seen, search } from '../../shared/search/search.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'

export const searchPages = new PageRoutes()

const OF_EACH = 8
const LONGEST = 200
/** Organizations of one person that are searched; nobody is known to be in more. */
const ORGANIZATIONS = 50

async function seenBy(ctx: PageContext): Promise<Seen | null> {
  const { app, access, session } = ctx
  if (access.isSiteAdmin) {
    const all = sql.fragment`true`
    return { organizations: all, workspaces: all, projects: all }
  }
  const filter = { userId: session!.user_id, organizationId: null, q: null }
  const { rows } = await selectOrganizationsPage(app.db, filter, { size: ORGANIZATIONS, offset: 0 })
  if (rows.length === 0) return null
  const of = async (table: 'w' | 'p', visible: (a: Access, id: string) => Promise<Seen['projects']>) => {
    const column = sql.identifier([table, 'organization_id'])
    const each = []
    for (const { id } of rows) each.push(sql.fragment`(${column} = ${id} and ${await visible(access, id)})`)
    return sql.fragment`(${sql.join(each, sql.fragment` or `)})`
  }
  const ids = sql.array(
    rows.map((o) => o.id),
    'text',
  )
  return {
    organizations: sql.fragment`o.id = any(${ids})`,
    workspaces: await of('w', visibleWorkspaces),
    projects: await of('p', visibleProjects),
  }
}

/** What opening each needs. */
const needs: Record<Found['kind'], Action> = {
  workspace: 'workspace:read',
  run: 'run:read',
  project: 'project:read',
  varset: 'varset:read',
  team: 'team:read',
  module: 'registry:read',
  resource: 'state:read',
  variable: 'variable:read',
}

const scopeOf = (f: Found) => ({
  organizationId: f.organization_id,
  ...(f.project_id && { projectId: f.project_id }),
  ...(f.workspace_id && { workspaceId: f.workspace_id }),
})

async function openable(ctx: PageContext, found: Found[]): Promise<Found[]> {
  await ctx.access.preloadWorkspaces(
    found.flatMap((f) =>
      f.workspace_id && f.project_id
        ? [{ organizationId: f.organization_id, projectId: f.project_id, workspaceId: f.workspace_id }]
        : [],
    ),
  )
  const kept = []
  for (const f of found) if (await ctx.access.may(needs[f.kind], scopeOf(f))) kept.push(f)
  return kept
}

const words: Record<Found['kind'], { icon: string; word: string }> = {
  workspace: { icon: 'stack', word: 'Workspaces' },
  run: { icon: 'play', word: 'Runs' },
  project: { icon: 'project', word: 'Projects' },
  varset: { icon: 'key', word: 'Variable sets' },
  team: { icon: 'people', word: 'Teams' },
  module: { icon: 'package', word: 'Modules' },
  resource: { icon: 'database', word: 'Resources' },
  variable: { icon: 'key', word: 'Variables' },
}

function hrefOf(f: Found): string {
  const root = `/app/${f.organization_name}`
  const workspace = `${root}/workspaces/${f.workspace_name}`
  switch (f.kind) {
    case 'workspace':
      return workspace
    case 'run':
      return `${workspace}/runs/${f.id}`
    case 'project':
      return `${root}/projects/${f.id}`
    case 'varset':
      return `${root}/varsets/${f.id}`
    case 'team':
      return `${root}/teams/${f.id}`
    case 'module':
      return `${root}/registry/modules/${f.id}`
    case 'resource':
      return `${workspace}`
    case 'variable':
      return `${workspace}/variables#${f.id}`
  }
}

searchPages.get('/app/search', { action: 'organization:list' }, async (ctx) => {
  const q = ctx.ask('q').trim().slice(0, LONGEST)
  const seen = q === '' ? null : await seenBy(ctx)
  const found = seen ? await openable(ctx, await search(ctx.app.db, seen, q, OF_EACH)) : []
  const groups = [...Map.groupBy(found, (f) => f.kind)].map(([kind, rows]) => ({
    ...words[kind],
    kind,
    isFull: rows.length === OF_EACH,
    rows: rows.map((f) => ({ ...f, href: hrefOf(f) })),
  }))
  await ctx.render(ctx.isPartial ? 'search/_options' : 'search/page', { q, groups, error: null })
})
