import { changedNames, type HistoryFilter, selectHistory } from '../../shared/audit/history.ts'
import { cell } from '../csv.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { organizationByName } from '../subjects.ts'

export const auditPages = new PageRoutes()

const actions = [
  'create',
  'update',
  'destroy',
  'confirm',
  'apply',
  'discard',
  'cancel',
  'force-cancel',
  'lock',
  'unlock',
]
const DAY_MS = 86_400_000
const CSV_ROWS = 10_000

/** A day such as 2026-11-25, in UTC; null when it is none. */
function dayOf(text: string): Date | null {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : null
  return day && !Number.isNaN(day.getTime()) ? day : null
}

function filterOf(ctx: PageContext): HistoryFilter {
  const until = dayOf(ctx.ask('until'))
  return {
    q: ctx.ask('q').trim() || null,
    action: actions.includes(ctx.ask('action')) ? ctx.ask('action') : null,
    since: dayOf(ctx.ask('since')),
    until: until && new Date(until.getTime() + DAY_MS),
  }
}

const path = '/app/:organization_name/audit'
const options = { action: 'audit:read', subject: organizationByName } as const

auditPages.get(path, options, async (ctx) => {
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const filter = filterOf(ctx)
  const rows = await selectHistory(ctx.app.db, organization.id, filter, page)
  await ctx.render('organizations/audit', {
    organization,
    entries: rows.slice(0, page.size).map((e) => ({ ...e, what: changedNames(e) })),
    hasMore: rows.length > page.size,
    page,
    actions,
    filter: { q: filter.q ?? '', action: filter.action ?? '', since: ctx.ask('since'), until: ctx.ask('until') },
    isFiltered: Object.values(filter).some((v) => v !== null),
  })
})

auditPages.get(`${path}.csv`, options, async (ctx) => {
  const { organization } = ctx.subject
  const rows = await selectHistory(ctx.app.db, organization.id, filterOf(ctx), { size: CSV_ROWS, offset: 0 })
  const lines = rows
    .slice(0, CSV_ROWS)
    .map((e) =>
      [
        e.at.toISOString(),
        e.actor_type,
        e.actor_name,
        e.address,
        e.action,
        e.object_type,
        e.object_id ?? '',
        changedNames(e).join(' '),
      ]
        .map(cell)
        .join(','),
    )
  ctx.koa.type = 'text/csv; charset=utf-8'
  ctx.koa.set('Content-Disposition', `attachment; filename="audit-${organization.name}.csv"`)
  ctx.koa.body = `at,actor type,actor,address,action,object type,object id,changed\n${lines.join('\n')}\n`
})
