// Source: shared/api/surface.tsv (projects), https://developer.hashicorp.com/terraform/cloud-docs/api-docs/projects
import { z } from 'zod'
import { visibleProjects } from '../../shared/access/visible.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { createProject, deleteProject, ProjectInput, updateProject } from '../../shared/projects/projects.ts'
import { selectProject, selectProjectsPage } from '../../shared/projects/queries.ts'
import { mergeTags, replaceTags } from '../../shared/tags/tags.ts'
import { moveWorkspaces, selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { listOf, textOf } from '../jsonapi/query.ts'
import { Routes, requireMay } from '../route.ts'
import { organizationByName, projectById } from '../subjects.ts'
import { tagsOf } from '../tags/input.ts'
import { taggedFilter } from '../workspaces/list.ts'
import { project } from './json.ts'

export const projects = new Routes('/api/v2')

const inOrganization = '/organizations/:organization_name/projects'
const byId = '/projects/:project_id'

projects.get(inOrganization, { action: 'project:list', subject: organizationByName }, async (ctx) => {
  const page = pageOf(ctx)
  const organizationId = ctx.subject.organization.id
  const filter = {
    organizationId,
    visible: await visibleProjects(ctx.access, organizationId),
    names: listOf(ctx, 'filter[names]'),
    q: textOf(ctx, 'q'),
    tagged: taggedFilter(ctx),
    sort: textOf(ctx, 'sort'),
  }
  const { rows, totalCount } = await selectProjectsPage(ctx.app.db, filter, page)
  return many(project, rows, ctx, { page, totalCount })
})

projects.post(
  inOrganization,
  {
    action: 'project:create',
    subject: organizationByName,
    attributes: ProjectInput.extend({ name: z.string('is required') }),
    answers: 201,
  },
  async (ctx) => {
    const organizationId = ctx.subject.organization.id
    const created = await ctx.app.db.transaction(async (tx) => {
      const { id } = await createProject(tx, organizationId, ctx.input.attributes)
      await mergeTags(tx, { organizationId, projectId: id }, tagsOf(ctx.input.relationship('tag-bindings')) ?? [])
      return selectProject(tx, id)
    })
    return one(project, created, ctx)
  },
)

projects.get(byId, { action: 'project:read', subject: projectById }, (ctx) => one(project, ctx.subject.project, ctx))

projects.patch(byId, { action: 'project:update', subject: projectById, attributes: ProjectInput }, async (ctx) => {
  const { organization_id: organizationId, id } = ctx.subject.project
  const updated = await ctx.app.db.transaction(async (tx) => {
    await updateProject(tx, await selectProject(tx, id), ctx.input.attributes)
    const tags = tagsOf(ctx.input.relationship('tag-bindings'))
    if (tags) await replaceTags(tx, { organizationId, projectId: id }, tags)
    return selectProject(tx, id)
  })
  return one(project, updated, ctx)
})

projects.delete(byId, { action: 'project:delete', subject: projectById }, (ctx) =>
  ctx.app.db.transaction((tx) => deleteProject(tx, ctx.subject.project.id)),
)

const Moved = z
  .array(z.object({ id: z.string() }))
  .min(1)
  .max(100)

/** Moves workspaces of the same organization into the project. */
projects.post(
  `${byId}/relationships/workspaces`,
  { action: 'workspace:create', subject: projectById, plainBody: true, answers: 204 },
  async (ctx) => {
    const { id: projectId, organization_id: organizationId } = ctx.subject.project
    const parsed = Moved.safeParse(ctx.input.data)
    if (!parsed.success) throw problem('bad_request', 'A list of at most 100 workspaces with their ids is expected.')
    const ids = parsed.data.map((w) => w.id)
    const rows = await selectWorkspaces(ctx.app.db, ids)
    for (const id of ids) {
      const w = rows.find((row) => row.id === id && row.organization_id === organizationId)
      if (!w) throw invalid('workspaces', `Workspace ${id} does not exist in this organization`)
      await requireMay(ctx.access, 'workspace:update', { organizationId, projectId: w.project_id, workspaceId: id })
    }
    await moveWorkspaces(ctx.app.db, ids, projectId)
  },
)
