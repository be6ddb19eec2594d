import { invalid, problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { type Stage, stages } from '../../shared/runs/stages.ts'
import { selectOptionalTask, selectTasksOfOrganization, type Task } from '../../shared/tasks/queries.ts'
import { checkTask, createTask, deleteTask, openHmacKey, TaskInput, updateTask } from '../../shared/tasks/tasks.ts'
import { verifyTask } from '../../shared/tasks/verify.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'
import { stageWords } from '../words.ts'

/** Run tasks of an organization. Where they are asked: workspace-page.ts. */
export const taskPages = new PageRoutes()

const path = '/app/:organization_name/settings/tasks'
const one = `${path}/:task_id`
const options = { action: 'task:manage', subject: organizationByName } as const
type TaskContext = PageContext & { subject: OrganizationSubject }

export const stagesOfForm = (given: string[]): Stage[] => stages.filter((stage) => given.includes(stage))

const href = ({ subject }: TaskContext, id = '') => `/app/${subject.organization.name}/settings/tasks${id && `/${id}`}`

/** The task, when it is of the organization that the path names. */
async function taskOfPath(ctx: TaskContext): Promise<Task> {
  const id = ctx.params.task_id!
  const task = looksLikeId(id, 'task') ? await selectOptionalTask(ctx.app.db, id) : null
  if (task?.organization_id !== ctx.subject.organization.id) throw problem('not_found')
  return task
}

taskPages.get(path, options, async (ctx) => {
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectTasksOfOrganization(ctx.app.db, organization.id, page)
  await ctx.render('tasks/list', { organization, tasks: rows, totalCount, page, stageWords })
})

const draw = (ctx: TaskContext, task: Task | null, more: Record<string, unknown> = {}) =>
  ctx.render('tasks/edit', {
    organization: ctx.subject.organization,
    task,
    listPath: href(ctx),
    stageWords,
    values: {
      name: task?.name ?? '',
      url: task?.url ?? '',
      description: task?.description ?? '',
      enabled: task?.enabled ?? true,
      global: task?.global_enabled ?? false,
      stages: task?.global_stages ?? ['post_plan'],
      level: task?.global_enforcement_level ?? 'advisory',
    },
    error: null,
    ...more,
  })

/** What the form asks for; an empty key leaves a stored one as it is. */
function filled({ form }: TaskContext) {
  const values = {
    name: form.line('name'),
    url: form.line('url'),
    description: form.line('description'),
    enabled: form.has('enabled'),
    global: form.has('global'),
    stages: stagesOfForm(form.all('stages')),
    level: form.line('level') === 'mandatory' ? 'mandatory' : 'advisory',
  }
  const key = form.line('hmac-key')
  return {
    values,
    input: {
      name: values.name,
      url: values.url,
      description: values.description,
      enabled: values.enabled,
      'global-configuration': { enabled: values.global, stages: values.stages, 'enforcement-level': values.level },
      ...(form.has('drop-key') ? { 'hmac-key': null } : key !== '' && { 'hmac-key': key }),
    },
  }
}

function parsed(input: ReturnType<typeof filled>['input']): TaskInput {
  const result = TaskInput.safeParse(input)
  if (!result.success) {
    const issue = result.error.issues[0]!
    throw invalid(String(issue.path[0] ?? ''), `That ${issue.message}.`)
  }
  if (input['global-configuration'].enabled && input['global-configuration'].stages.length === 0)
    throw invalid('stages', 'Choose when it is asked.')
  return result.data
}

taskPages.get(`${path}/new`, options, (ctx) => draw(ctx, null))

taskPages.post(`${path}/new`, options, async (ctx) => {
  const { app, subject } = ctx
  const { organization } = subject
  const { values, input } = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const want = parsed(input)
      checkTask(app, want, null)
      await verifyTask(app, { url: want.url!, hmacKey: want['hmac-key'] ?? null }, organization.name)
      await app.db.transaction((tx) => createTask(app, tx, organization.id, want))
      ctx.redirect(href(ctx), {
        tone: 'green',
        text: `Made ${values.name}. It answered a test request.${values.global ? '' : ' Attach it in the settings of workspaces.'}`,
      })
    },
    (error) => draw(ctx, null, { values, error }),
  )
})

taskPages.get(one, options, async (ctx) => draw(ctx, await taskOfPath(ctx)))

taskPages.post(one, options, async (ctx) => {
  const { app } = ctx
  const before = await taskOfPath(ctx)
  const { values, input } = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const want = parsed(input)
      checkTask(app, want, before)
      const key = want['hmac-key']
      if (want.url !== before.url || key !== undefined) {
        const hmacKey = key === undefined ? openHmacKey(app, before) : key
        await verifyTask(app, { url: want.url ?? before.url, hmacKey }, before.organization_name)
      }
      await app.db.transaction((tx) => updateTask(app, tx, before, want))
      ctx.redirect(href(ctx), { tone: 'green', text: 'Saved. Runs that start later ask it so.' })
    },
    (error) => draw(ctx, before, { values, error }),
  )
})

taskPages.post(`${one}/delete`, options, async (ctx) => {
  const task = await taskOfPath(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      if (ctx.form.line('confirm') !== task.name)
        throw invalid('confirm', `That is not ${task.name}. Nothing was deleted.`)
      await deleteTask(ctx.app.db, task.id)
      ctx.redirect(href(ctx), { tone: 'green', text: `Deleted ${task.name}. What it said of past runs stays.` })
    },
    (error) => draw(ctx, task, { error }),
  )
})
