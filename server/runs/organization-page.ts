import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { isFinal, statuses } from '../../shared/runs/lifecycle.ts'
import { type OrganizationRun, selectOrganizationRuns } from '../../shared/runs/organization-runs.ts'
import { countUnfinishedRuns } from '../../shared/runs/unfinished.ts'
import { waitingReasons } from '../../shared/runs/waiting.ts'
import { badgeOf } from '../badge.ts'
import { streamRegion } from '../live-region.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { renderView } from '../render.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'
import { runPath } from './view.ts'

/** The runs of all workspaces of an organization. */
export const organizationRunPages = new PageRoutes()

const path = '/app/:organization_name/runs'
const options = { action: 'workspace:list', subject: organizationByName } as const
type RunsContext = PageContext & { subject: OrganizationSubject }

const SIZE = 50

const person = ['planned', 'planned_and_saved', 'post_plan_completed', 'post_plan_awaiting_decision']
const running = ['planning', 'applying']
/** What the chips stand for; `count` names what countUnfinishedRuns says of it. */
const groups: Record<string, { word: string; tone: string; icon: string; statuses: readonly string[] }> = {
  person: { word: 'Needs a person', tone: 'amber', icon: 'person', statuses: person },
  running: { word: 'Running', tone: 'blue', icon: 'sync', statuses: running },
  waiting: {
    word: 'Waiting',
    tone: 'gray',
    icon: 'clock',
    statuses: statuses.filter((s) => !isFinal(s) && !person.includes(s) && !running.includes(s)),
  },
  errored: { word: 'Failed', tone: 'red', icon: 'x-circle-fill', statuses: ['errored'] },
  applied: { word: 'Applied', tone: 'green', icon: 'check-circle-fill', statuses: ['applied'] },
}

export const sourceWords: Record<string, string> = {
  'tfe-ui': 'Browser',
  'tfe-api': 'API or CLI',
  'tfe-configuration-version': 'Upload',
  'tfe-run-trigger': 'Run trigger',
}

function filterOf(ctx: RunsContext) {
  const line = (name: string) => ctx.ask(name).trim().slice(0, 200)
  const status = line('status')
  const known = Object.hasOwn(groups, status) || (statuses as readonly string[]).includes(status)
  return {
    status: known ? status : '',
    source: Object.hasOwn(sourceWords, line('source')) ? line('source') : '',
    workspace: line('workspace'),
    user: line('user'),
    /** What was asked for and is not there: said, and not obeyed. */
    unknown: status && !known ? status : '',
  }
}

async function view(ctx: RunsContext) {
  const { app, access, subject } = ctx
  const { organization } = subject
  const visible = await visibleWorkspaces(access, organization.id)
  const filter = filterOf(ctx)
  const olderThan = ctx.ask('older').trim().slice(0, 100) || null
  const found = await selectOrganizationRuns(
    app.db,
    {
      organizationId: organization.id,
      visible,
      statuses: filter.status ? (groups[filter.status]?.statuses ?? [filter.status]) : null,
      source: filter.source || null,
      workspace: filter.workspace || null,
      user: filter.user || null,
    },
    { size: SIZE, olderThan },
  )
  const shown = await readable(ctx, found.slice(0, SIZE))
  const reasons = await waitingReasons(app, app.db, shown)
  const counts = await countUnfinishedRuns(app.db, organization.id, visible)
  const base = `/app/${organization.name}`
  return {
    organization,
    base,
    filter,
    isFiltered: [filter.status, filter.source, filter.workspace, filter.user].some((v) => v !== ''),
    isFirst: olderThan === null,
    next: found.length > SIZE ? found[SIZE - 1]!.id : null,
    chips: Object.entries(groups).map(([key, group]) => ({
      key,
      ...group,
      count: { person: counts.person, running: counts.running, waiting: counts.queued + counts.pending }[key],
    })),
    // several statuses have the same word
    statusChoices: statuses.filter((s) => s !== 'confirmed').map((s) => [s, `${badgeOf({ status: s }).word} (${s})`]),
    sourceWords,
    runs: shown.map((r) => {
      const reason = reasons.get(r.id)
      return {
        ...r,
        href: runPath({ ...r, organization_name: organization.name }),
        reason: reason?.text ?? null,
        source: sourceWords[r.source] ?? r.source,
      }
    }),
    linkWith: (more: Record<string, string>) => {
      const { unknown: _, ...rest } = filter
      const all = Object.entries({ ...rest, ...more }).filter(([, value]) => value !== '')
      return all.length > 0 ? `${base}/runs?${new URLSearchParams(all)}` : `${base}/runs`
    },
  }
}

/** Who sees a workspace may still not be allowed to read its runs. */
export async function readable(
  { access, subject }: RunsContext,
  runs: readonly OrganizationRun[],
): Promise<OrganizationRun[]> {
  const may = new Map<string, boolean>()
  const scopes = runs.map((r) => ({
    organizationId: subject.organization.id,
    projectId: r.project_id,
    workspaceId: r.workspace_id,
  }))
  await access.preloadWorkspaces(scopes)
  for (const scope of scopes)
    if (!may.has(scope.workspaceId)) may.set(scope.workspaceId, await access.may('run:read', scope))
  return runs.filter((r) => may.get(r.workspace_id))
}

organizationRunPages.get(path, options, async (ctx) => ctx.render('runs/organization', await view(ctx)))

organizationRunPages.get(`${path}/live`, options, async (ctx) =>
  streamRegion(ctx, {
    topics: ['runs', 'workspaces'],
    mayLook: () => ctx.access.may('workspace:list', ctx.subject.scope),
    draw: async () => renderView('runs/_organization-live', { ...(await view(ctx)), now: ctx.app.now() }),
  }),
)
