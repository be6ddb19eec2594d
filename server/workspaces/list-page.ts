import { visibleProjects, visibleWorkspaces } from '../../shared/access/visible.ts'
import { problem } from '../../shared/errors.ts'
import { selectOptionalProject, selectProjects, selectProjectsPage } from '../../shared/projects/queries.ts'
import {
  countCurrentStatuses,
  countPendingRuns,
  type RecentRun,
  selectRecentRuns,
  selectRecentRunsById,
} from '../../shared/runs/recent.ts'
import { selectOrganizationTagsPage } from '../../shared/tags/organization-tags.ts'
import { selectWorkspacesPage } from '../../shared/workspaces/list.ts'
import { createWorkspace } from '../../shared/workspaces/workspaces.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { requireMay } from '../route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'

export const workspaceListPages = new PageRoutes()

const list = '/app/:organization_name/workspaces'
const organizationRoot = '/app/:organization_name'

/** Groups of statuses, as the chips name them. */
const states: Record<string, { word: string; tone: string; icon: string; statuses: string[] }> = {
  waiting: {
    word: 'Needs confirmation',
    tone: 'amber',
    icon: 'person',
    statuses: ['planned', 'planned_and_saved', 'post_plan_completed', 'post_plan_awaiting_decision'],
  },
  failed: { word: 'Failed', tone: 'red', icon: 'x-circle-fill', statuses: ['errored'] },
  running: {
    word: 'Running',
    tone: 'blue',
    icon: 'sync',
    statuses: ['plan_queued', 'planning', 'confirmed', 'apply_queued', 'applying'],
  },
  pending: { word: 'Waiting its turn', tone: 'gray', icon: 'clock', statuses: ['pending'] },
  quiet: {
    word: 'Quiet',
    tone: 'green',
    icon: 'check-circle',
    statuses: ['applied', 'planned_and_finished', 'discarded', 'canceled'],
  },
}
const sorts: Record<string, string> = {
  '': 'Needs you first',
  name: 'Name',
  '-current-run.created-at': 'Last run',
  '-created-at': 'Newest',
}
/** More than a select should have; the search finds the others. */
const CHOICES = 300

const byWorkspace = (runs: readonly RecentRun[]): Map<string, RecentRun[]> => Map.groupBy(runs, (r) => r.workspace_id)

workspaceListPages.get(list, { action: 'workspace:list', subject: organizationByName }, async (ctx) => {
  const { app, access, subject } = ctx
  const { organization } = subject
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const state = Object.hasOwn(states, ctx.ask('state')) ? ctx.ask('state') : ''
  const sort = Object.hasOwn(sorts, ctx.ask('sort')) ? ctx.ask('sort') : ''
  const project = ctx.ask('project')
  const tag = ctx.ask('tag')
  const visible = await visibleWorkspaces(access, organization.id)
  const filter = {
    organizationId: organization.id,
    visible,
    sort: sort || 'urgency',
    ...(project && { projectId: project }),
    ...(tag && { tags: [tag] }),
    ...(q && { name: q }),
    ...(state && { currentRunStatuses: states[state]!.statuses }),
  }
  const { rows, totalCount } = await selectWorkspacesPage(app.db, filter, page)
  const ids = rows.map((w) => w.id)
  const runs = byWorkspace(await selectRecentRuns(app.db, ids, 10))
  const currentIds = rows.flatMap((w) => w.current_run_id ?? [])
  const current = new Map((await selectRecentRunsById(app.db, currentIds)).map((r) => [r.workspace_id, r]))
  const behind = new Map((await countPendingRuns(app.db, ids)).map((p) => [p.workspace_id, p.count]))
  const projects = new Map(
    (
      await selectProjects(
        app.db,
        rows.map((w) => w.project_id),
      )
    ).map((p) => [p.id, p.name]),
  )
  const counts = await countCurrentStatuses(app.db, organization.id, visible)
  const all = counts.reduce((sum, c) => sum + c.count, 0)
  const chips = Object.entries(states).map(([name, s]) => ({
    name,
    ...s,
    count: counts
      .filter((c) => c.status && (c.status === name || s.statuses.includes(c.status)))
      .reduce((sum, c) => sum + c.count, 0),
  }))
  const choices = await selectProjectsPage(
    app.db,
    {
      organizationId: organization.id,
      visible: await visibleProjects(access, organization.id),
      names: [],
      q: undefined,
      tagged: [],
      sort: undefined,
    },
    { size: CHOICES, offset: 0 },
  )
  const tags = await selectOrganizationTagsPage(
    app.db,
    organization.id,
    { q: null, withoutWorkspaceId: null },
    { size: CHOICES, offset: 0 },
  )
  await ctx.render('workspaces/list', {
    ...{
      organization,
      workspaces: rows,
      totalCount,
      page,
      q,
      state,
      sort,
      sorts,
      runs,
      current,
      behind,
      projects,
      chips,
      all,
    },
    ...{ project, tag, choices: choices.rows, tags: tags.rows.map((t) => t.key) },
    scope: scopeOfDefault(subject),
  })
})

/** Whether somebody may make workspaces is a matter of a project: the default one decides what the page offers. */
const scopeOfDefault = ({ organization }: OrganizationSubject) => ({
  organizationId: organization.id,
  ...(organization.default_project_id && { projectId: organization.default_project_id }),
})

const empty = { project: '', name: '', description: '', engine: 'terraform', auto_apply: false }

/** Projects in which the caller may make workspaces. */
async function projectsToFill(ctx: PageContext & { subject: OrganizationSubject }) {
  const organizationId = ctx.subject.organization.id
  const visible = await visibleProjects(ctx.access, organizationId)
  const filter = { organizationId, visible, names: [], q: undefined, tagged: [], sort: undefined }
  const { rows } = await selectProjectsPage(ctx.app.db, filter, { size: CHOICES, offset: 0 })
  const all = await ctx.access.hasFlag(organizationId, 'manage-workspaces')
  if (all) return rows
  const own = []
  for (const p of rows) {
    if (await ctx.access.may('workspace:create', { organizationId, projectId: p.id })) own.push(p)
  }
  return own
}

async function newForm(ctx: PageContext & { subject: OrganizationSubject }, more: Record<string, unknown> = {}) {
  const { organization } = ctx.subject
  const projects = await projectsToFill(ctx)
  if (projects.length === 0) throw problem('forbidden')
  const project = ctx.ask('project') || organization.default_project_id || ''
  await ctx.render('workspaces/new', { organization, projects, values: { ...empty, project }, error: null, ...more })
}

workspaceListPages.get(
  `${organizationRoot}/new-workspace`,
  { action: 'workspace:list', subject: organizationByName },
  (ctx) => newForm(ctx),
)

workspaceListPages.post(
  `${organizationRoot}/new-workspace`,
  { action: 'workspace:list', subject: organizationByName },
  async (ctx) => {
    const { app, form, session, subject } = ctx
    const { organization } = subject
    const project = form.line('project') || organization.default_project_id!
    if ((await selectOptionalProject(app.db, project))?.organization_id !== organization.id)
      throw problem('bad_request')
    await requireMay(ctx.access, 'workspace:create', { organizationId: organization.id, projectId: project })
    const values = {
      project,
      name: form.line('name'),
      description: form.line('description'),
      engine: form.line('engine') === 'tofu' ? ('tofu' as const) : ('terraform' as const),
      auto_apply: form.has('auto_apply'),
    }
    await orDrawAgain(
      ctx,
      async () => {
        await app.db.transaction((tx) =>
          createWorkspace(app, tx, {
            organizationId: organization.id,
            projectId: project,
            engine: values.engine,
            settings: { name: values.name, description: values.description, 'auto-apply': values.auto_apply },
            source: 'tfe-ui',
            createdBy: session!.user_id,
          }),
        )
        ctx.redirect(`/app/${organization.name}/workspaces/${values.name}`)
      },
      (error) => newForm(ctx, { values, error }),
    )
  },
)
