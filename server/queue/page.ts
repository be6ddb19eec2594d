import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { isAlive } from '../../shared/agents/agents.ts'
import { estimates } from '../../shared/runs/estimate.ts'
import {
  countUnfinishedRuns,
  selectAgentCapacity,
  selectRecentWaits,
  selectUnfinishedRuns,
  type UnfinishedRun,
} from '../../shared/runs/unfinished.ts'
import { waitingReasons } from '../../shared/runs/waiting.ts'
import { selectCapacityOfRunners } from '../../shared/runs/waiting-queries.ts'
import { streamRegion } from '../live-region.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { renderView } from '../render.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'

export const queuePages = new PageRoutes()

const path = '/app/:organization_name/queue'
const options = { action: 'organization:queue', subject: organizationByName } as const
type QueueContext = PageContext & { subject: OrganizationSubject }

/** More waiting runs than anybody reads; the counts name all. */
const SHOWN = 300
const executing = ['planning', 'applying']

/** How a reason looks: by who or what would end the wait. */
const looks: Record<string, { icon: string; tone: string }> = {
  'behind-run': { icon: 'history', tone: 'gray' },
  'workspace-locked': { icon: 'lock', tone: 'amber' },
  confirmation: { icon: 'person', tone: 'amber' },
  'no-agents': { icon: 'server', tone: 'red' },
  'no-runners': { icon: 'server', tone: 'red' },
  'engine-missing': { icon: 'alert', tone: 'red' },
  'organization-limit': { icon: 'stack', tone: 'amber' },
  'agent-pool-limit': { icon: 'stack', tone: 'amber' },
}

async function view(ctx: QueueContext) {
  const { app, access, subject } = ctx
  const { organization } = subject
  const visible = await visibleWorkspaces(access, organization.id)
  const rows = await selectUnfinishedRuns(app.db, organization.id, visible, SHOWN)
  const reasons = await waitingReasons(app, app.db, rows)
  const running = rows.filter((r) => executing.includes(r.status))
  const usual = await estimates(app.db, running)
  const now = app.now().getTime()
  const byId = new Map(rows.map((r) => [r.id, r]))
  return {
    organization,
    base: `/app/${organization.name}`,
    counts: await countUnfinishedRuns(app.db, organization.id, visible),
    runners: await selectCapacityOfRunners(app.db),
    agents: await selectAgentCapacity(app.db, organization.id, isAlive),
    waits: await selectRecentWaits(app.db, organization.id),
    isCut: rows.length === SHOWN,
    running: running.map((r) => {
      const estimate = usual.get(r.id)
      const seconds = r.status === 'applying' ? estimate?.apply_s : estimate?.plan_s
      const usualMs = seconds ? seconds * 1000 : null
      const ranMs = r.started_at ? now - r.started_at.getTime() : 0
      return {
        ...r,
        usualMs,
        share: usualMs ? Math.min(1, ranMs / usualMs) : null,
        isLate: usualMs !== null && ranMs > 2 * usualMs && ranMs > 60_000,
      }
    }),
    waiting: rows
      .filter((r) => !executing.includes(r.status) && !waitsForPerson(r))
      .map((r) => {
        const reason = reasons.get(r.id)
        const other = reason?.runId ? byId.get(reason.runId) : undefined
        return { ...r, reason, look: looks[reason?.code ?? ''] ?? { icon: 'hourglass', tone: 'blue' }, other }
      }),
    person: rows.filter(waitsForPerson),
  }
}

const waitsForPerson = (r: UnfinishedRun): boolean =>
  ['planned', 'planned_and_saved', 'post_plan_completed', 'post_plan_awaiting_decision'].includes(r.status)

queuePages.get(path, options, async (ctx) => ctx.render('queue/page', await view(ctx)))

queuePages.get(`${path}/live`, options, async (ctx) =>
  streamRegion(ctx, {
    topics: ['runs', 'workspaces'],
    mayLook: () => ctx.access.may('organization:queue', ctx.subject.scope),
    draw: async () => renderView('queue/_live', { ...(await view(ctx)), now: ctx.app.now() }),
  }),
)
