import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { selectOrganizationRuns } from '../../shared/runs/organization-runs.ts'
import { countUnfinishedRuns } from '../../shared/runs/unfinished.ts'
import { runCharts } from '../charts.ts'
import { PageRoutes } from '../page-route.ts'
import { readable } from '../runs/organization-page.ts'
import { runPath } from '../runs/view.ts'
import { organizationByName } from '../subjects.ts'

/** What goes on in an organization at a glance: what needs somebody, what failed, and how it went lately. */
export const organizationOverviewPages = new PageRoutes()

const SHOWN = 8
const DAY_MS = 86_400_000
const person = ['planned', 'planned_and_saved', 'post_plan_completed', 'post_plan_awaiting_decision']

organizationOverviewPages.get(
  '/app/:organization_name/overview',
  { action: 'workspace:list', subject: organizationByName },
  async (ctx) => {
    const { app, access, subject } = ctx
    const { organization } = subject
    const visible = await visibleWorkspaces(access, organization.id)
    const filter = { organizationId: organization.id, visible, source: null, workspace: null, user: null }
    const newest = async (statuses: readonly string[]) => {
      const rows = await selectOrganizationRuns(app.db, { ...filter, statuses }, { size: SHOWN, olderThan: null })
      return (await readable(ctx, rows)).map((r) => ({
        ...r,
        href: runPath({ ...r, organization_name: organization.name }),
      }))
    }
    const week = app.now().getTime() - 7 * DAY_MS
    await ctx.render('organizations/overview', {
      organization,
      base: `/app/${organization.name}`,
      counts: await countUnfinishedRuns(app.db, organization.id, visible),
      person: await newest(person),
      failed: (await newest(['errored'])).filter((r) => r.created_at.getTime() > week),
      charts: await runCharts(app.db, { organizationId: organization.id, visible }, app.now()),
    })
  },
)
