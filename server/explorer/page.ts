import { problem } from '../../shared/errors.ts'
import {
  type ExplorerFilter,
  type ExplorerGroup,
  explorerSorts,
  selectExplorerGroups,
  selectExplorerWorkspaces,
} from '../../shared/explorer/queries.ts'
import { withReadableState } from '../../shared/explorer/readable.ts'
import {
  deleteExplorerView,
  insertExplorerView,
  selectExplorerViews,
  selectOptionalExplorerView,
} from '../../shared/explorer/views.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { line } from '../csv.ts'
import { orDrawAgain } from '../form-error.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'

/** What the current states of an organization are made of: workspaces, engines, providers, modules, resource types. */
export const explorerPages = new PageRoutes()

const path = '/app/:organization_name/explorer'
const options = { action: 'workspace:list', subject: organizationByName } as const
type ExplorerContext = PageContext & { subject: OrganizationSubject }

const SIZE = 50
const CSV_ROWS = 10_000

/** What is listed; `filter` is the field of the workspaces' list that one of its rows fills. */
const kinds: Record<string, { word: string; one: string; filter: string; icon: string }> = {
  workspaces: { word: 'Workspaces', one: 'Workspace', filter: 'name', icon: 'stack' },
  engines: { word: 'Engine versions', one: 'Engine version', filter: 'version', icon: 'terminal' },
  providers: { word: 'Providers', one: 'Provider', filter: 'provider', icon: 'package' },
  modules: { word: 'Modules', one: 'Module', filter: 'module', icon: 'project' },
  types: { word: 'Resource types', one: 'Type', filter: 'type', icon: 'list-unordered' },
}
const fields = ['name', 'provider', 'module', 'type', 'version'] as const

/** The query of an address, in known words and in one order: what a saved view keeps. */
function askOf(ask: (name: string) => string) {
  const kind = Object.hasOwn(kinds, ask('kind')) ? ask('kind') : 'workspaces'
  const sort = explorerSorts.find((s) => s === ask('sort')) ?? 'name'
  const texts = Object.fromEntries(fields.map((name) => [name, ask(name).trim().slice(0, 200)])) as Record<
    (typeof fields)[number],
    string
  >
  return { kind, sort, ...texts }
}
type Ask = ReturnType<typeof askOf>

function queryOf(ask: Ask, more: Partial<Record<keyof Ask, string>> = {}): string {
  const all = Object.entries({ ...ask, ...more }).filter(
    ([name, value]) => value !== '' && !(name === 'sort' && value === 'name'),
  )
  return new URLSearchParams(all).toString()
}

async function rowsOf(ctx: ExplorerContext, ask: Ask, page: { size: number; offset: number }) {
  const { app, access, subject } = ctx
  const organizationId = subject.organization.id
  const filter: ExplorerFilter = {
    organizationId,
    readable: await withReadableState(app.db, access, organizationId),
    ...{ name: ask.name, provider: ask.provider, module: ask.module, type: ask.type, version: ask.version },
  }
  return ask.kind === 'workspaces'
    ? { workspaces: await selectExplorerWorkspaces(app.db, filter, ask.sort, page), groups: [] }
    : { workspaces: [], groups: await selectExplorerGroups(app.db, filter, ask.kind as ExplorerGroup, page) }
}

async function draw(ctx: ExplorerContext, more: Record<string, unknown> = {}): Promise<void> {
  const { app, session, subject } = ctx
  const { organization } = subject
  const ask = askOf((name) => ctx.ask(name) || ctx.form.line(name))
  const number = Math.min(1000, Math.max(1, Number.parseInt(ctx.ask('page'), 10) || 1))
  const { workspaces, groups } = await rowsOf(ctx, ask, { size: SIZE, offset: (number - 1) * SIZE })
  const views = await selectExplorerViews(app.db, organization.id)
  await ctx.render('explorer/page', {
    organization,
    base: `/app/${organization.name}`,
    here: `/app/${organization.name}/explorer`,
    kinds,
    found: ask,
    isFiltered: fields.some((name) => ask[name] !== ''),
    workspaces: workspaces.slice(0, SIZE),
    groups: groups.slice(0, SIZE),
    number,
    hasMore: workspaces.length > SIZE || groups.length > SIZE,
    queryWith: (changes: Partial<Record<keyof Ask, string>>) => queryOf(ask, changes),
    views: views.map((v) => ({ ...v, isOwn: v.created_by === session!.user_id, isHere: v.query === queryOf(ask) })),
    error: null,
    ...more,
  })
}

explorerPages.get(path, options, (ctx) => draw(ctx))

explorerPages.get(`${path}.csv`, options, async (ctx) => {
  const ask = askOf(ctx.ask)
  const { workspaces, groups } = await rowsOf(ctx, ask, { size: CSV_ROWS, offset: 0 })
  const lines =
    ask.kind === 'workspaces'
      ? [
          line([
            'workspace',
            'project',
            'engine',
            'engine version',
            'state of version',
            'resources',
            'providers',
            'modules',
            'state at',
          ]),
          ...workspaces.map((w) =>
            line([
              w.name,
              w.project_name,
              w.engine,
              w.engine_version,
              w.state_engine_version,
              String(w.resource_count),
              String(w.provider_count),
              String(w.module_count),
              w.state_at?.toISOString() ?? '',
            ]),
          ),
        ]
      : [
          line([kinds[ask.kind]!.one.toLowerCase(), 'workspaces', 'resources']),
          ...groups.map((g) => line([g.name, String(g.workspaces), String(g.resources)])),
        ]
  ctx.koa.type = 'text/csv; charset=utf-8'
  ctx.koa.set('Content-Disposition', `attachment; filename="${ask.kind}-${ctx.subject.organization.name}.csv"`)
  ctx.koa.body = `${lines.slice(0, CSV_ROWS + 1).join('\n')}\n`
})

explorerPages.post(`${path}/views`, options, async (ctx) => {
  const { app, form, session, subject } = ctx
  const { organization } = subject
  // `view` is its name: `name` is what workspaces are looked for by
  const name = form.line('view')
  const query = queryOf(askOf(form.line))
  await orDrawAgain(
    ctx,
    async () => {
      await insertExplorerView(app.db, {
        organizationId: organization.id,
        name,
        query,
        createdBy: session!.user_id,
      })
      ctx.redirect(`/app/${organization.name}/explorer?${query}`, {
        tone: 'green',
        text: `Saved as “${name}”, for everybody in ${organization.name}.`,
      })
    },
    (error) => draw(ctx, { saving: name, error: { ...error, field: error.field === 'name' ? 'view' : error.field } }),
  )
})

explorerPages.post(`${path}/views/:view_id/delete`, options, async (ctx) => {
  const { app, access, session, subject } = ctx
  const { organization } = subject
  const id = ctx.params.view_id!
  const view = looksLikeId(id, 'sq') ? await selectOptionalExplorerView(app.db, id) : null
  if (view?.organization_id !== organization.id) throw problem('not_found')
  const isOwn = view.created_by === session!.user_id
  if (!isOwn && !(await access.may('organization:update', subject.scope)))
    throw problem('forbidden', 'A saved view is deleted by who saved it, or by an owner.')
  await deleteExplorerView(app.db, view.id)
  ctx.redirect(`/app/${organization.name}/explorer`, { tone: 'green', text: `Deleted the view “${view.name}”.` })
})
