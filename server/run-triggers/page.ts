import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { selectOptionalRunTrigger, selectRunTriggersPage } from '../../shared/run-triggers/queries.ts'
import { createRunTrigger, deleteRunTrigger } from '../../shared/run-triggers/run-triggers.ts'
import { selectOptionalWorkspaceByName } from '../../shared/workspaces/queries.ts'
import { orDrawAgain } from '../form-error.ts'
import { PageRoutes } from '../page-route.ts'
import { workspaceByName } from '../subjects.ts'
import { settingsHref, settingsPath, type WorkspaceContext } from '../workspaces/settings-page.ts'

export const runTriggerPages = new PageRoutes()

const path = `${settingsPath}/triggers`
const options = { action: 'workspace:update', subject: workspaceByName } as const
const SHOWN = { size: 100, offset: 0 }

async function draw(ctx: WorkspaceContext, more: Record<string, unknown> = {}): Promise<void> {
  const { app, access, subject } = ctx
  const { workspace } = subject
  const visible = await visibleWorkspaces(access, workspace.organization_id)
  const of = (direction: 'inbound' | 'outbound') =>
    selectRunTriggersPage(app.db, workspace.id, direction, visible, SHOWN)
  await ctx.render('workspaces/settings/triggers', {
    workspace,
    inbound: await of('inbound'),
    outbound: await of('outbound'),
    source: '',
    error: null,
    ...more,
  })
}

runTriggerPages.get(path, options, (ctx) => draw(ctx))

runTriggerPages.post(path, options, async (ctx) => {
  const { app, access, form, subject } = ctx
  const { workspace } = subject
  const name = form.line('source')
  await orDrawAgain(
    ctx,
    async () => {
      const source = await selectOptionalWorkspaceByName(app.db, workspace.organization_name, name)
      const scope = source && {
        organizationId: source.organization_id,
        projectId: source.project_id,
        workspaceId: source.id,
      }
      // what starts a run here shows in its message: the source's runs must be readable to whoever connects them
      if (!scope || !(await access.may('run:read', scope)))
        throw invalid('source', `There is no workspace “${name}” here, or you may not read its runs.`)
      await app.db.transaction((tx) => createRunTrigger(tx, workspace, source))
      ctx.redirect(settingsHref(subject, 'triggers'), {
        tone: 'green',
        text: `A run of ${source.name} that is applied starts one here from now on.`,
      })
    },
    (error) =>
      draw(ctx, { source: name, error: { field: 'source', text: error.text.replace(/^Sourceable/, `${name}:`) } }),
  )
})

runTriggerPages.post(`${path}/:run_trigger_id/remove`, options, async (ctx) => {
  const trigger = await selectOptionalRunTrigger(ctx.app.db, ctx.params.run_trigger_id!)
  if (trigger?.workspace_id !== ctx.subject.workspace.id) throw problem('not_found')
  await deleteRunTrigger(ctx.app.db, trigger.id)
  ctx.redirect(settingsHref(ctx.subject, 'triggers'), {
    tone: 'green',
    text: `Runs of ${trigger.source_name} no longer start runs here.`,
  })
})
