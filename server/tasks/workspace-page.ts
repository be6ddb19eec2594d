import { problem } from '../../shared/errors.ts'
import {
  selectOptionalWorkspaceTask,
  selectTasks,
  selectTasksOfOrganization,
  selectWorkspaceTasksOf,
  type WorkspaceTask,
} from '../../shared/tasks/queries.ts'
import { attachTask, changeAttachment, detachTask } from '../../shared/tasks/workspace-tasks.ts'
import { orDrawAgain } from '../form-error.ts'
import { PageRoutes } from '../page-route.ts'
import { workspaceByName } from '../subjects.ts'
import { stageWords } from '../words.ts'
import { settingsHref, settingsPath, type WorkspaceContext } from '../workspaces/settings-page.ts'
import { stagesOfForm } from './page.ts'

/** Which run tasks a workspace asks, when, and what their no means. */
export const workspaceTaskPages = new PageRoutes()

const path = `${settingsPath}/tasks`
const one = `${path}/:workspace_task_id`
const options = { action: 'task:attach', subject: workspaceByName } as const
/** More than anybody attaches; the API lists the others. */
const SHOWN = { size: 200, offset: 0 }

async function draw(ctx: WorkspaceContext, more: Record<string, unknown> = {}): Promise<void> {
  const { db } = ctx.app
  const { workspace } = ctx.subject
  const attached = (await selectWorkspaceTasksOf(db, { workspaceId: workspace.id }, SHOWN)).rows
  const all = (await selectTasksOfOrganization(db, workspace.organization_id, SHOWN)).rows
  const named = new Map(
    (
      await selectTasks(
        db,
        attached.map((a) => a.task_id),
      )
    ).map((t) => [t.id, t]),
  )
  const taken = new Set(attached.map((a) => a.task_id))
  await ctx.render('workspaces/settings/tasks', {
    workspace,
    attached: attached.map((a) => ({ ...a, task: named.get(a.task_id) })).filter((a) => a.task),
    everywhere: all.filter((t) => t.global_enabled && t.enabled),
    choices: all.filter((t) => !taken.has(t.id)),
    stageWords,
    values: { task: '', stages: ['post_plan'], level: 'advisory' },
    error: null,
    ...more,
  })
}

const filled = ({ form }: WorkspaceContext) => ({
  task: form.line('task'),
  stages: stagesOfForm(form.all('stages')),
  level: form.line('enforcement-level') === 'mandatory' ? ('mandatory' as const) : ('advisory' as const),
})

workspaceTaskPages.get(path, options, (ctx) => draw(ctx))

workspaceTaskPages.post(path, options, async (ctx) => {
  const { app, subject } = ctx
  const values = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const input = { 'enforcement-level': values.level, stages: values.stages }
      await app.db.transaction((tx) => attachTask(tx, subject.workspace, values.task, input))
      ctx.redirect(settingsHref(subject, 'tasks'), { tone: 'green', text: 'Attached. Runs that start later ask it.' })
    },
    (error) => draw(ctx, { values, error }),
  )
})

async function attachedOfPath(ctx: WorkspaceContext): Promise<WorkspaceTask> {
  const id = ctx.params.workspace_task_id!
  const attached = await selectOptionalWorkspaceTask(ctx.app.db, ctx.subject.workspace.id, id)
  if (!attached) throw problem('not_found')
  return attached
}

workspaceTaskPages.post(one, options, async (ctx) => {
  const attached = await attachedOfPath(ctx)
  const { stages, level } = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      await changeAttachment(ctx.app.db, attached, { 'enforcement-level': level, stages })
      ctx.redirect(settingsHref(ctx.subject, 'tasks'), { tone: 'green', text: 'Saved.' })
    },
    (error) => draw(ctx, { error: { ...error, field: `${attached.id}-${error.field}` } }),
  )
})

workspaceTaskPages.post(`${one}/detach`, options, async (ctx) => {
  await detachTask(ctx.app.db, (await attachedOfPath(ctx)).id)
  ctx.redirect(settingsHref(ctx.subject, 'tasks'), {
    tone: 'green',
    text: 'Detached. Runs that start later do not ask it.',
  })
})
