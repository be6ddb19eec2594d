// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks
import { invalid, problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import {
  selectOptionalTask,
  selectOptionalWorkspaceTask,
  selectTasksOfOrganization,
  selectWorkspaceTasksOf,
  type Task,
  type WorkspaceTask,
} from '../../shared/tasks/queries.ts'
import { checkTask, createTask, deleteTask, openHmacKey, TaskInput, updateTask } from '../../shared/tasks/tasks.ts'
import { verifyTask } from '../../shared/tasks/verify.ts'
import { attachTask, changeAttachment, detachTask, WorkspaceTaskInput } from '../../shared/tasks/workspace-tasks.ts'
import { many, one } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName, type WorkspaceSubject, workspaceById } from '../subjects.ts'
import { task, workspaceTask } from './json.ts'

export const tasks = new Routes('/api/v2')

interface TaskSubject extends Subject {
  task: Task
}

async function taskById(ctx: Context): Promise<TaskSubject> {
  const id = ctx.params.id!
  const found = looksLikeId(id, 'task') ? await selectOptionalTask(ctx.app.db, id) : null
  if (!found) throw problem('not_found')
  return { task: found, scope: { organizationId: found.organization_id } }
}

/** Tasks are called by this server itself: there is no way through agents. */
function refuseAgentPool(input: Input<unknown>): void {
  if (input.relatedId('agent-pool'))
    throw invalid(
      'agent-pool',
      'The provided agent pool does not exist, or cannot be used: this server calls run tasks itself',
    )
}

tasks.get(
  '/organizations/:organization_name/tasks',
  { action: 'task:read', subject: organizationByName },
  async (ctx) => {
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectTasksOfOrganization(ctx.app.db, ctx.subject.organization.id, page)
    return many(task, rows, ctx, { page, totalCount })
  },
)

tasks.post(
  '/organizations/:organization_name/tasks',
  { action: 'task:manage', subject: organizationByName, attributes: TaskInput, answers: 201 },
  async (ctx) => {
    const { app, input } = ctx
    const { organization } = ctx.subject
    refuseAgentPool(input)
    checkTask(app, input.attributes, null)
    await verifyTask(
      app,
      { url: input.attributes.url!, hmacKey: input.attributes['hmac-key'] ?? null },
      organization.name,
    )
    const id = await app.db.transaction((tx) => createTask(app, tx, organization.id, input.attributes))
    return one(task, (await selectOptionalTask(app.db, id))!, ctx)
  },
)

// HCP lists its partners' integrations here.
tasks.get('/tasks/integrations', { action: 'account:read' }, (ctx) => many(task, [], ctx))

tasks.get('/tasks/:id', { action: 'task:read', subject: taskById }, (ctx) => one(task, ctx.subject.task, ctx))

tasks.patch('/tasks/:id', { action: 'task:manage', subject: taskById, attributes: TaskInput }, async (ctx) => {
  const { app, input } = ctx
  const before = ctx.subject.task
  refuseAgentPool(input)
  checkTask(app, input.attributes, before)
  const key = input.attributes['hmac-key']
  if (input.attributes.url !== undefined || key !== undefined) {
    const hmacKey = key === undefined ? openHmacKey(app, before) : key
    await verifyTask(app, { url: input.attributes.url ?? before.url, hmacKey }, before.organization_name)
  }
  await app.db.transaction((tx) => updateTask(app, tx, before, input.attributes))
  return one(task, (await selectOptionalTask(app.db, before.id))!, ctx)
})

tasks.delete('/tasks/:id', { action: 'task:manage', subject: taskById }, async (ctx) => {
  await deleteTask(ctx.app.db, ctx.subject.task.id)
})

tasks.get('/tasks/:id/relationships/workspace-tasks', { action: 'task:manage', subject: taskById }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectWorkspaceTasksOf(ctx.app.db, { taskId: ctx.subject.task.id }, page)
  return many(workspaceTask, rows, ctx, { page, totalCount })
})

const path = '/workspaces/:workspace_id/tasks'

tasks.get(path, { action: 'workspace:read', subject: workspaceById }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectWorkspaceTasksOf(ctx.app.db, { workspaceId: ctx.subject.workspace.id }, page)
  return many(workspaceTask, rows, ctx, { page, totalCount })
})

tasks.post(
  path,
  { action: 'task:attach', subject: workspaceById, attributes: WorkspaceTaskInput, answers: 201 },
  async (ctx) => {
    const { app, input } = ctx
    const { workspace } = ctx.subject
    const id = await app.db.transaction((tx) => attachTask(tx, workspace, input.relatedId('task'), input.attributes))
    return one(workspaceTask, (await selectOptionalWorkspaceTask(app.db, workspace.id, id))!, ctx)
  },
)

async function attachedById(ctx: Context): Promise<WorkspaceSubject & { attached: WorkspaceTask }> {
  const subject = await workspaceById(ctx)
  const attached = await selectOptionalWorkspaceTask(ctx.app.db, subject.workspace.id, ctx.params.id!)
  if (!attached) throw problem('not_found')
  return { ...subject, attached }
}

tasks.get(`${path}/:id`, { action: 'workspace:read', subject: attachedById }, (ctx) =>
  one(workspaceTask, ctx.subject.attached, ctx),
)

tasks.patch(
  `${path}/:id`,
  { action: 'task:attach', subject: attachedById, attributes: WorkspaceTaskInput },
  async (ctx) => {
    const { attached, workspace } = ctx.subject
    await changeAttachment(ctx.app.db, attached, ctx.input.attributes)
    return one(workspaceTask, (await selectOptionalWorkspaceTask(ctx.app.db, workspace.id, attached.id))!, ctx)
  },
)

tasks.delete(`${path}/:id`, { action: 'task:attach', subject: attachedById }, async (ctx) => {
  await detachTask(ctx.app.db, ctx.subject.attached.id)
})
