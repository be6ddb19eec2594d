// Source: shared/api/surface.tsv (workspaces), https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces
import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { userIdOf } from '../../shared/access/actor.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { selectOptionalProject } from '../../shared/projects/queries.ts'
import { mergeTags, replaceTags } from '../../shared/tags/tags.ts'
import { type ShownWorkspace, selectOptionalShownWorkspace, selectWorkspaceKpis } from '../../shared/workspaces/kpis.ts'
import { selectWorkspacesPage } from '../../shared/workspaces/list.ts'
import { isNamed, lockWorkspaceRow, selectWorkspace, type Workspace } from '../../shared/workspaces/queries.ts'
import { WorkspaceSettings } from '../../shared/workspaces/settings.ts'
import {
  createWorkspace,
  deleteWorkspace,
  safeDeleteWorkspace,
  updateWorkspace,
} from '../../shared/workspaces/workspaces.ts'
import { many, one } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, requireMay } from '../route.ts'
import {
  organizationByName,
  type WorkspaceSubject,
  workspaceById,
  workspaceByName,
  workspaceSubject,
} from '../subjects.ts'
import { flatTagsOf, tagsOf } from '../tags/input.ts'
import { attach } from './attached.ts'
import { mayForceDelete, workspace } from './json.ts'
import { workspaceFilter } from './list.ts'

export const workspaces = new Routes('/api/v2')

const inOrganization = '/organizations/:organization_name/workspaces'
const byName = `${inOrganization}/:workspace_name`
const byId = '/workspaces/:workspace_id'

const Create = WorkspaceSettings.extend({
  name: z.string('is required'),
  engine: z.enum(['terraform', 'tofu'], 'is terraform or tofu').optional(),
})

workspaces.get(inOrganization, { action: 'workspace:list', subject: organizationByName }, async (ctx) => {
  const { app, subject, access } = ctx
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectWorkspacesPage(
    app.db,
    await workspaceFilter(ctx, subject.organization.id),
    page,
  )
  const kpis = await selectWorkspaceKpis(
    app.db,
    rows.map((w) => w.id),
  )
  await access.preloadWorkspaces(
    rows.map((w) => ({ organizationId: w.organization_id, projectId: w.project_id, workspaceId: w.id })),
  )
  return many(
    workspace,
    (await attach(rows, ctx)).map((w) => ({ ...w, kpis: kpis.get(w.id) })),
    ctx,
    { page, totalCount },
  )
})

/**
 * The project of a request, when it names one.
 * @throws problem 'invalid_attribute' when it is not in the organization, 'forbidden' when the caller may not create there
 */
export async function projectGiven(
  ctx: Context,
  input: Input<unknown>,
  organizationId: string,
): Promise<string | undefined> {
  const id = input.relatedId('project')
  if (!id) return undefined
  const project = await selectOptionalProject(ctx.app.db, id)
  const scope = { organizationId, projectId: id }
  if (project?.organization_id !== organizationId || !(await ctx.access.may('project:read', scope))) {
    throw invalid('project', `Project ${id} does not exist in this organization`)
  }
  await requireMay(ctx.access, 'workspace:create', scope)
  return id
}

workspaces.post(
  inOrganization,
  // which project it goes to, and whether the caller may create there, is in the body
  { action: 'workspace:list', subject: organizationByName, attributes: Create, answers: 201 },
  async (ctx) => {
    const { app, input, subject, actor } = ctx
    const { organization } = subject
    const { engine, ...settings } = input.attributes
    const projectId = (await projectGiven(ctx, input, organization.id)) ?? organization.default_project_id
    if (!projectId) throw problem('internal')
    await requireMay(ctx.access, 'workspace:create', { organizationId: organization.id, projectId })
    const isTofu = ctx.koa.get('user-agent').startsWith('OpenTofu/')
    const created = await app.db.transaction(async (tx) => {
      const { id } = await createWorkspace(app, tx, {
        organizationId: organization.id,
        projectId,
        engine: engine ?? (isTofu ? 'tofu' : 'terraform'),
        settings,
        source: 'tfe-api',
        createdBy: userIdOf(actor),
      })
      const tags = [
        ...(tagsOf(input.relationship('tag-bindings')) ?? []),
        ...(flatTagsOf(input.relationship('tags')) ?? []),
      ]
      await mergeTags(tx, { organizationId: organization.id, workspaceId: id }, tags)
      return selectWorkspace(tx, id)
    })
    return one(workspace, created, ctx)
  },
)

/** Loaders for reading: with the workspace's figures, in the same statement. */
const shown = (is: (ctx: Context) => FragmentSqlToken) => async (ctx: Context) =>
  workspaceSubject(await selectOptionalShownWorkspace(ctx.app.db, is(ctx)))
const shownByName = shown(({ params }) => isNamed(params.organization_name!, params.workspace_name!))
const shownById = shown(({ params }) => sql.fragment`w.id = ${params.workspace_id!}`)

async function show(ctx: Context & { subject: WorkspaceSubject<ShownWorkspace> }) {
  const [attached] = await attach([ctx.subject.workspace], ctx)
  return one(workspace, attached!, ctx)
}

async function update(ctx: Context & { subject: WorkspaceSubject; input: Input<WorkspaceSettings> }) {
  const { app, input, subject } = ctx
  const { organization_id: organizationId, id } = subject.workspace
  const projectId = await projectGiven(ctx, input, organizationId)
  const updated = await app.db.transaction(async (tx) => {
    await requireRow(await lockWorkspaceRow(tx, id))
    await updateWorkspace(app, tx, await selectWorkspace(tx, id), { settings: input.attributes, projectId })
    const tags = tagsOf(input.relationship('tag-bindings'))
    if (tags) await replaceTags(tx, { organizationId, workspaceId: id }, tags)
    return selectWorkspace(tx, id)
  })
  return one(workspace, updated, ctx)
}

function requireRow(row: unknown): void {
  if (!row) throw problem('not_found')
}

async function remove(ctx: Context & { subject: WorkspaceSubject }): Promise<void> {
  const w: Workspace = ctx.subject.workspace
  if (w.resource_count > 0 && !(await mayForceDelete(w, ctx))) {
    throw problem(
      'forbidden',
      'The workspace still manages resources: only an owner of the organization may delete it.',
    )
  }
  await deleteWorkspace(ctx.app.db, w.id)
}

const safeDelete = (ctx: Context & { subject: WorkspaceSubject }): Promise<void> =>
  ctx.app.db.transaction((tx) => safeDeleteWorkspace(tx, ctx.subject.workspace.id))

for (const [path, subject, forReading] of [
  [byName, workspaceByName, shownByName],
  [byId, workspaceById, shownById],
] as const) {
  workspaces.get(path, { action: 'workspace:read', subject: forReading }, show)
  workspaces.patch(path, { action: 'workspace:update', subject, attributes: WorkspaceSettings }, update)
  workspaces.delete(path, { action: 'workspace:delete', subject }, remove)
  workspaces.post(`${path}/actions/safe-delete`, { action: 'workspace:delete', subject }, safeDelete)
}
