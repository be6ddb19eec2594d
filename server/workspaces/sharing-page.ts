import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { invalid } from '../../shared/errors.ts'
import { deleteTagBindings } from '../../shared/tags/queries.ts'
import { addTags, MAX_TAGS, mergeTags } from '../../shared/tags/tags.ts'
import { addConsumers, removeConsumers, selectConsumersPage } from '../../shared/workspaces/consumers.ts'
import { lockWorkspaceRow, selectOptionalWorkspaceByName } from '../../shared/workspaces/queries.ts'
import { updateWorkspace } from '../../shared/workspaces/workspaces.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { PageRoutes } from '../page-route.ts'
import { workspaceByName } from '../subjects.ts'
import { settingsHref, settingsPath, type WorkspaceContext } from './settings-page.ts'

export const workspaceSharingPages = new PageRoutes()

const options = { action: 'workspace:update', subject: workspaceByName } as const
const sharing = `${settingsPath}/sharing`

async function drawSharing(ctx: WorkspaceContext, more: Record<string, unknown> = {}): Promise<void> {
  const { app, access, subject } = ctx
  const { workspace } = subject
  const page = pageOf(ctx)
  const visible = await visibleWorkspaces(access, workspace.organization_id)
  const { rows, totalCount } = await selectConsumersPage(app.db, workspace.id, visible, page)
  await ctx.render('workspaces/settings/sharing', {
    workspace,
    consumers: rows,
    totalCount,
    page,
    name: '',
    error: null,
    ...more,
  })
}

workspaceSharingPages.get(sharing, options, (ctx) => drawSharing(ctx))

workspaceSharingPages.post(sharing, options, async (ctx) => {
  const { app, form, subject } = ctx
  const isGlobal = form.line('shared') === 'all'
  await app.db.transaction((tx) =>
    updateWorkspace(app, tx, subject.workspace, { settings: { 'global-remote-state': isGlobal } }),
  )
  ctx.redirect(settingsHref(subject, 'sharing'), {
    tone: 'green',
    text: isGlobal
      ? 'Every workspace of the organization may read its state now.'
      : 'Only those listed may read it now.',
  })
})

workspaceSharingPages.post(`${sharing}/add`, options, async (ctx) => {
  const { app, access, form, subject } = ctx
  const { workspace } = subject
  const name = form.line('workspace')
  await orDrawAgain(
    ctx,
    async () => {
      const found = await selectOptionalWorkspaceByName(app.db, workspace.organization_name, name)
      const isSeen =
        found &&
        (await access.may('workspace:read', {
          organizationId: found.organization_id,
          projectId: found.project_id,
          workspaceId: found.id,
        }))
      if (!isSeen) throw invalid('workspace', `There is no workspace “${name}” in this organization.`)
      await app.db.transaction((tx) => addConsumers(tx, workspace.id, [found.id]))
      ctx.redirect(settingsHref(subject, 'sharing'), { tone: 'green', text: `${found.name} may read its state now.` })
    },
    (error) => drawSharing(ctx, { name, error }),
  )
})

workspaceSharingPages.post(`${sharing}/remove`, options, async (ctx) => {
  await removeConsumers(ctx.app.db, ctx.subject.workspace.id, [ctx.form.line('id')])
  ctx.redirect(settingsHref(ctx.subject, 'sharing'), {
    tone: 'green',
    text: 'Removed: it can no longer read the state.',
  })
})

// --- tags

const tagged = { action: 'workspace:tags', subject: workspaceByName } as const
const tags = `${settingsPath}/tags`

const drawTags = (ctx: WorkspaceContext, more: Record<string, unknown> = {}) =>
  ctx.render('workspaces/settings/tags', {
    workspace: ctx.subject.workspace,
    max: MAX_TAGS,
    values: { key: '', value: '' },
    error: null,
    ...more,
  })

workspaceSharingPages.get(tags, tagged, (ctx) => drawTags(ctx))

const carrierOf = ({ workspace: w }: WorkspaceContext['subject']) => ({
  organizationId: w.organization_id,
  workspaceId: w.id,
})

workspaceSharingPages.post(tags, tagged, async (ctx) => {
  const { app, form, subject } = ctx
  const values = { key: form.line('key'), value: form.line('value') }
  await orDrawAgain(
    ctx,
    async () => {
      await app.db.transaction(async (tx) => {
        await lockWorkspaceRow(tx, subject.workspace.id)
        if (values.value) await mergeTags(tx, carrierOf(subject), [values])
        else await addTags(tx, carrierOf(subject), [values.key])
      })
      ctx.redirect(settingsHref(subject, 'tags'), { tone: 'green', text: `Tagged ${values.key}.` })
    },
    (error) => drawTags(ctx, { values, error }),
  )
})

workspaceSharingPages.post(`${tags}/remove`, tagged, async (ctx) => {
  const key = ctx.form.text('key')
  await deleteTagBindings(ctx.app.db, carrierOf(ctx.subject), [key])
  ctx.redirect(settingsHref(ctx.subject, 'tags'), { tone: 'green', text: `Removed the tag ${key}.` })
})
