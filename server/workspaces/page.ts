import { visibleProjects, visibleWorkspaces } from '../../shared/access/visible.ts'
import { Problem, problem } from '../../shared/errors.ts'
import { selectOptionalProject, selectProjects, selectProjectsPage } from '../../shared/projects/queries.ts'
import { createRun } from '../../shared/runs/create.ts'
import { countCurrentStatuses, countPendingRuns, type RecentRun, selectRecentRuns } from '../../shared/runs/recent.ts'
import { newNonce, once } from '../../shared/sessions/form-once.ts'
import { acknowledgeState } from '../../shared/states/doubt.ts'
import { openOutput, selectOutputs } from '../../shared/states/outputs.ts'
import { selectOrganizationTagsPage } from '../../shared/tags/organization-tags.ts'
import { selectTeams } from '../../shared/teams/queries.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { selectWorkspacesPage } from '../../shared/workspaces/list.ts'
import { forceUnlockWorkspace, lockWorkspace, unlockWorkspace } from '../../shared/workspaces/lock.ts'
import type { Workspace } from '../../shared/workspaces/queries.ts'
import { createWorkspace } from '../../shared/workspaces/workspaces.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { requireMay } from '../route.ts'
import { runPath } from '../runs/view.ts'
import { type OrganizationSubject, organizationByName, type WorkspaceSubject, workspaceByName } from '../subjects.ts'

export const workspacePages = new PageRoutes()

const list = '/app/:organization_name/workspaces'
const one = `${list}/:workspace_name`
const organizationRoot = '/app/:organization_name'

/** Groups of statuses, as the chips name them. */
const states: Record<string, { word: string; tone: string; icon: string; statuses: string[] }> = {
  waiting: { word: 'Needs confirmation', tone: 'amber', icon: 'person', statuses: ['planned', 'planned_and_saved'] },
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

workspacePages.get(list, { action: 'workspace:list', subject: organizationByName }, async (ctx) => {
  const { app, access, subject } = ctx
  const { organization } = subject
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const state = ctx.ask('state') in states ? ctx.ask('state') : ''
  const sort = ctx.ask('sort') in sorts ? ctx.ask('sort') : ''
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
    count: counts.filter((c) => c.status && s.statuses.includes(c.status)).reduce((sum, c) => sum + c.count, 0),
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
    ...{ organization, workspaces: rows, totalCount, page, q, state, sort, sorts, runs, behind, projects, chips, all },
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

workspacePages.get(
  `${organizationRoot}/new-workspace`,
  { action: 'workspace:list', subject: organizationByName },
  (ctx) => newForm(ctx),
)

workspacePages.post(
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
    try {
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
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 422) throw error
      ctx.koa.status = 422
      return newForm(ctx, { values, error: error.detail })
    }
    ctx.redirect(`/app/${organization.name}/workspaces/${values.name}`)
  },
)

const OUTPUTS_SHOWN = 50

workspacePages.get(one, { action: 'workspace:read', subject: workspaceByName }, async (ctx) => {
  const { app, access, subject } = ctx
  const { workspace, scope } = subject
  const mayReadRuns = await access.may('run:read', scope)
  const runs = mayReadRuns ? await selectRecentRuns(app.db, [workspace.id], 30) : []
  const mayReadOutputs = await access.may('state:read-outputs', scope)
  const version = workspace.current_state_version_id
  const outputs =
    mayReadOutputs && version ? await selectOutputs(app.db, [version], { size: OUTPUTS_SHOWN + 1, offset: 0 }) : []
  const [project] = await selectProjects(app.db, [workspace.project_id])
  await ctx.render('workspaces/show', {
    workspace,
    project,
    runs,
    waiting: runs.find((r) => r.status === 'planned'),
    outputs: outputs.slice(0, OUTPUTS_SHOWN).map((o) => ({
      name: o.name,
      sensitive: o.sensitive,
      text: o.sensitive ? '' : textOf(openOutput(app, o).value),
    })),
    moreOutputs: outputs.length > OUTPUTS_SHOWN,
    lock: await lockOf(ctx, workspace),
    hostname: URL.parse(ctx.origin)?.host,
  })
})

const textOf = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

/** Who holds the workspace: a run, a person or a team. */
export async function lockOf(
  ctx: PageContext,
  w: Workspace,
): Promise<{ by: string; isOwn: boolean; href?: string } | null> {
  if (w.holder_run_id) {
    const href = runPath({ organization_name: w.organization_name, workspace_name: w.name, id: w.holder_run_id })
    return { by: 'a run', isOwn: false, href }
  }
  if (w.locked_by_user_id) {
    const [user] = await selectUsers(ctx.app.db, [w.locked_by_user_id])
    return { by: user?.username ?? 'somebody', isOwn: w.locked_by_user_id === ctx.session!.user_id }
  }
  if (w.locked_by_team_id) {
    const [team] = await selectTeams(ctx.app.db, [w.locked_by_team_id])
    return { by: `team ${team?.name ?? ''}`, isOwn: false }
  }
  return null
}

const back = ({ workspace: w }: WorkspaceSubject) => `/app/${w.organization_name}/workspaces/${w.name}`

workspacePages.post(`${one}/lock`, { action: 'workspace:lock', subject: workspaceByName }, async (ctx) => {
  const { app, form, session, subject } = ctx
  const reason = form.line('reason').slice(0, 1000)
  await app.db.transaction((tx) => lockWorkspace(tx, subject.workspace.id, { userId: session!.user_id }, reason))
  ctx.redirect(back(subject), { tone: 'green', text: 'Locked. Runs that are started now wait until you unlock it.' })
})

workspacePages.post(`${one}/acknowledge-state`, { action: 'run:apply', subject: workspaceByName }, async (ctx) => {
  await acknowledgeState(ctx.app.db, ctx.subject.workspace.id)
  ctx.redirect(back(ctx.subject), { tone: 'green', text: 'Noted: the state is taken as it is.' })
})

workspacePages.post(`${one}/unlock`, { action: 'workspace:unlock', subject: workspaceByName }, async (ctx) => {
  const { app, session, subject } = ctx
  const { workspace } = subject
  const isOwn = workspace.locked_by_user_id === session!.user_id
  if (!isOwn) await requireMay(ctx.access, 'workspace:force-unlock', subject.scope)
  await app.db.transaction((tx) =>
    isOwn
      ? unlockWorkspace(app, tx, workspace.id, { userId: session!.user_id })
      : forceUnlockWorkspace(app, tx, workspace.id),
  )
  ctx.redirect(back(subject), { tone: 'green', text: 'Unlocked.' })
})

const kinds: Record<string, string> = {
  apply: 'Plan, then apply after a confirmation',
  plan: 'Plan only',
  refresh: 'Refresh the state only',
  destroy: 'Destroy everything',
}

const newRunForm = (ctx: PageContext & { subject: WorkspaceSubject }, more: Record<string, unknown> = {}) =>
  ctx.render('runs/new', {
    workspace: ctx.subject.workspace,
    kinds,
    kind: 'apply',
    message: '',
    error: null,
    nonce: newNonce(),
    ...more,
  })

workspacePages.get(`${one}/runs/new`, { action: 'run:create', subject: workspaceByName }, (ctx) => newRunForm(ctx))

workspacePages.post(`${one}/runs/new`, { action: 'run:create', subject: workspaceByName }, async (ctx) => {
  const { app, form, session, subject } = ctx
  const kind = form.line('kind')
  if (!(kind in kinds)) throw problem('bad_request')
  const message = form.text('message').trim().slice(0, 20_000)
  try {
    const id = await app.db.transaction((tx) =>
      once(tx, session!.user_id, form.line('nonce'), () =>
        createRun(app, tx, {
          workspace: subject.workspace,
          source: 'tfe-ui',
          structuredOutput: subject.workspace.structured_run_output,
          createdBy: session!.user_id,
          message: message || 'Started in the browser',
          planOnly: kind === 'plan',
          refreshOnly: kind === 'refresh',
          isDestroy: kind === 'destroy',
        }),
      ),
    )
    ctx.redirect(`${back(subject)}/runs/${id}`)
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 422) throw error
    ctx.koa.status = 422
    await newRunForm(ctx, { kind, message, error: error.detail })
  }
})
