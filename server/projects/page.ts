import { visibleProjects, visibleWorkspaces } from '../../shared/access/visible.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { createProject, deleteProject, updateProject } from '../../shared/projects/projects.ts'
import { selectProject, selectProjectsPage } from '../../shared/projects/queries.ts'
import { selectVarsetsPage } from '../../shared/varsets/queries.ts'
import { selectWorkspacesPage } from '../../shared/workspaces/list.ts'
import { moveWorkspaces, selectOptionalWorkspaceByName } from '../../shared/workspaces/queries.ts'
import { visibleTo } from '../agents/subject.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { type Context, requireMay } from '../route.ts'
import { type OrganizationSubject, organizationByName, type ProjectSubject, projectById } from '../subjects.ts'
import { accessPages } from '../teams/access-page.ts'

export const projectPages = new PageRoutes()

const list = '/app/:organization_name/projects'
const one = `${list}/:project_id`

async function drawList(ctx: PageContext & { subject: OrganizationSubject }, more: Record<string, unknown> = {}) {
  const { app, access, subject } = ctx
  const { organization } = subject
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const filter = {
    organizationId: organization.id,
    visible: await visibleProjects(access, organization.id),
    names: [],
    q: q || undefined,
    tagged: [],
    sort: undefined,
  }
  const { rows, totalCount } = await selectProjectsPage(app.db, filter, page)
  const projects = []
  for (const p of rows) {
    // somebody who sees one workspace of a project sees its name, not its page
    const opens = await access.may('project:read', { organizationId: organization.id, projectId: p.id })
    projects.push({ ...p, opens })
  }
  const values = { name: '', description: '' }
  await ctx.render('projects/list', { organization, projects, totalCount, page, q, values, error: null, ...more })
}

projectPages.get(list, { action: 'project:list', subject: organizationByName }, (ctx) => drawList(ctx))

projectPages.post(list, { action: 'project:create', subject: organizationByName }, async (ctx) => {
  const { app, form, subject } = ctx
  const { organization } = subject
  const values = { name: form.line('name'), description: form.line('description') }
  await orDrawAgain(
    ctx,
    async () => {
      const made = await app.db.transaction((tx) => createProject(tx, organization.id, values))
      ctx.redirect(`/app/${organization.name}/projects/${made.id}`, { tone: 'green', text: `Made ${made.name}.` })
    },
    (error) => drawList(ctx, { values, error }),
  )
})

/** The project, when it is of the organization that the path names. */
async function projectOfPath(ctx: Context): Promise<ProjectSubject> {
  const subject = await projectById(ctx)
  if (subject.project.organization_name.toLowerCase() !== ctx.params.organization_name!.toLowerCase())
    throw problem('not_found')
  return subject
}

const href = ({ project: p }: ProjectSubject) => `/app/${p.organization_name}/projects/${p.id}`

async function draw(ctx: PageContext & { subject: ProjectSubject }, more: Record<string, unknown> = {}) {
  const { app, access, subject } = ctx
  const { project } = subject
  const organizationId = project.organization_id
  const page = pageOf(ctx)
  const visible = await visibleWorkspaces(access, organizationId)
  const filter = { organizationId, visible, projectId: project.id }
  const { rows, totalCount } = await selectWorkspacesPage(app.db, filter, page)
  const of = { organizationId, projectId: project.id }
  const sets = await selectVarsetsPage(app.db, of, undefined, await visibleTo(ctx, organizationId), {
    size: 100,
    offset: 0,
  })
  await ctx.render('projects/show', {
    project,
    workspaces: rows,
    totalCount,
    page,
    varsets: sets.rows,
    values: project,
    idle: project.settings['auto-destroy-activity-duration'] ?? '',
    moving: '',
    error: null,
    ...more,
  })
}

projectPages.get(one, { action: 'project:read', subject: projectOfPath }, (ctx) => draw(ctx))

projectPages.post(one, { action: 'project:update', subject: projectOfPath }, async (ctx) => {
  const { app, form, subject } = ctx
  const values = { name: form.line('name'), description: form.text('description').trim() }
  const idle = form.line('auto-destroy-activity-duration')
  await orDrawAgain(
    ctx,
    async () => {
      if (idle !== '' && !/^[1-9]\d{0,3}[dh]$/.test(idle))
        throw invalid('auto-destroy-activity-duration', 'Write days or hours, such as 14d or 12h.')
      const input = { ...values, 'auto-destroy-activity-duration': idle || null }
      await app.db.transaction(async (tx) => updateProject(tx, await selectProject(tx, subject.project.id), input))
      ctx.redirect(href(subject), { tone: 'green', text: 'Saved.' })
    },
    (error) => draw(ctx, { values, idle, error }),
  )
})

projectPages.post(`${one}/move`, { action: 'workspace:create', subject: projectOfPath }, async (ctx) => {
  const { app, access, form, subject } = ctx
  const { project } = subject
  const name = form.line('workspace')
  await orDrawAgain(
    ctx,
    async () => {
      const w = await selectOptionalWorkspaceByName(app.db, project.organization_name, name)
      const scope = w && { organizationId: w.organization_id, projectId: w.project_id, workspaceId: w.id }
      if (!scope || !(await access.may('workspace:read', scope)))
        throw invalid('workspace', `There is no workspace “${name}” in this organization.`)
      await requireMay(access, 'workspace:update', scope)
      await moveWorkspaces(app.db, [w.id], project.id)
      ctx.redirect(href(subject), { tone: 'green', text: `Moved ${w.name} here. Teams of this project reach it now.` })
    },
    (error) => draw(ctx, { moving: name, error }),
  )
})

projectPages.post(`${one}/delete`, { action: 'project:delete', subject: projectOfPath }, async (ctx) => {
  const { app, subject } = ctx
  await orDrawAgain(
    ctx,
    async () => {
      await app.db.transaction((tx) => deleteProject(tx, subject.project.id))
      ctx.redirect(`/app/${subject.project.organization_name}/projects`, {
        tone: 'green',
        text: `Deleted ${subject.project.name}.`,
      })
    },
    (error) => draw(ctx, { error }),
  )
})

accessPages(projectPages, `${one}/access`, projectOfPath, {
  on: 'project',
  read: 'project:read',
  manage: 'project:update',
  idOf: ({ project }) => project.id,
  href: (subject) => `${href(subject)}/access`,
  view: 'projects/access',
  locals: ({ project }) => ({ project }),
})
