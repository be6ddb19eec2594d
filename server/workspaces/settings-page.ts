import type { Tx } from '../../db/pool.ts'
import { selectAgentPoolsPage } from '../../shared/agents/pools.ts'
import { versionsAtHand } from '../../shared/engines/versions.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { selectOptionalProject, selectProjectsPage } from '../../shared/projects/queries.ts'
import { assignSshKey, selectSshKeysPage } from '../../shared/ssh-keys/ssh-keys.ts'
import { lockWorkspaceRow, selectWorkspace } from '../../shared/workspaces/queries.ts'
import type { WorkspaceSettings } from '../../shared/workspaces/settings.ts'
import { deleteWorkspace, updateWorkspace } from '../../shared/workspaces/workspaces.ts'
import { visibleTo } from '../agents/subject.ts'
import { orDrawAgain } from '../form-error.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { requireMay } from '../route.ts'
import { type WorkspaceSubject, workspaceByName } from '../subjects.ts'
import { mayForceDelete } from './json.ts'
import { lockOf } from './page.ts'

export const workspaceSettingsPages = new PageRoutes()

export const settingsPath = '/app/:organization_name/workspaces/:workspace_name/settings'
export type WorkspaceContext = PageContext & { subject: WorkspaceSubject }

export const settingsHref = ({ workspace: w }: WorkspaceSubject, section = '') =>
  `/app/${w.organization_name}/workspaces/${w.name}/settings${section && `/${section}`}`

const options = { action: 'workspace:update', subject: workspaceByName } as const
/** More than a list to choose from should have; beyond it, the API is the better tool. */
const CHOICES = 500

workspaceSettingsPages.get(settingsPath, options, async (ctx) => ctx.redirect(settingsHref(ctx.subject, 'general')))

/**
 * Writes settings under the lock of the row, and what `also` does in the same transaction.
 * @returns the path of the settings, with the name as it is now
 */
export async function saveSettings(
  ctx: WorkspaceContext,
  settings: WorkspaceSettings,
  { projectId, also }: { projectId?: string | undefined; also?: (tx: Tx) => Promise<void> } = {},
): Promise<string> {
  const { app, subject } = ctx
  const { id } = subject.workspace
  return app.db.transaction(async (tx) => {
    if (!(await lockWorkspaceRow(tx, id))) throw problem('not_found')
    const saved = await updateWorkspace(app, tx, await selectWorkspace(tx, id), { settings, projectId })
    await also?.(tx)
    return `/app/${saved.organization_name}/workspaces/${saved.name}/settings`
  })
}

// --- general

async function drawGeneral(ctx: WorkspaceContext, more: Record<string, unknown> = {}): Promise<void> {
  const { app, subject } = ctx
  const { workspace } = subject
  const { projects: visible } = await visibleTo(ctx, workspace.organization_id)
  const filter = { organizationId: workspace.organization_id, visible, names: [], q: undefined, tagged: [] }
  const { rows } = await selectProjectsPage(app.db, { ...filter, sort: undefined }, { size: CHOICES, offset: 0 })
  await ctx.render('workspaces/settings/general', {
    workspace,
    projects: rows,
    values: workspace,
    error: null,
    ...more,
  })
}

workspaceSettingsPages.get(`${settingsPath}/general`, options, (ctx) => drawGeneral(ctx))

workspaceSettingsPages.post(`${settingsPath}/general`, options, async (ctx) => {
  const { app, form, subject } = ctx
  const { workspace } = subject
  const values = {
    name: form.line('name'),
    description: form.text('description').trim(),
    project_id: form.line('project'),
    auto_apply: form.line('apply') === 'auto',
    auto_apply_run_trigger: form.has('auto-apply-run-trigger'),
    allow_destroy_plan: form.has('allow-destroy-plan'),
    speculative_enabled: form.has('speculative-enabled'),
  }
  await orDrawAgain(
    ctx,
    async () => {
      const moves = values.project_id !== '' && values.project_id !== workspace.project_id
      if (moves) {
        const project = await selectOptionalProject(app.db, values.project_id)
        if (project?.organization_id !== workspace.organization_id)
          throw invalid('project', 'There is no such project in this organization.')
        await requireMay(ctx.access, 'workspace:create', {
          organizationId: project.organization_id,
          projectId: project.id,
        })
      }
      const settings = {
        name: values.name,
        description: values.description,
        'auto-apply': values.auto_apply,
        'auto-apply-run-trigger': values.auto_apply_run_trigger,
        'allow-destroy-plan': values.allow_destroy_plan,
        'speculative-enabled': values.speculative_enabled,
      }
      const href = await saveSettings(ctx, settings, { projectId: moves ? values.project_id : undefined })
      ctx.redirect(`${href}/general`, { tone: 'green', text: 'Saved.' })
    },
    (error) => drawGeneral(ctx, { values, error }),
  )
})

// --- engine and execution

async function drawExecution(ctx: WorkspaceContext, more: Record<string, unknown> = {}): Promise<void> {
  const { app, subject } = ctx
  const { workspace: w } = subject
  const filter = { q: null, allowedWorkspaceName: w.name, allowedProjectName: null, sort: 'name' } as const
  const visible = await visibleTo(ctx, w.organization_id)
  const pools = await selectAgentPoolsPage(app.db, w.organization_id, visible, filter, { size: CHOICES, offset: 0 })
  const values = {
    version: w.engine_version,
    mode: w.overwrites_execution_mode ? w.execution_mode : 'default',
    pool: w.agent_pool_id ?? '',
    folder: w.working_directory,
    key: w.ssh_key_id ?? '',
  }
  await ctx.render('workspaces/settings/execution', {
    workspace: w,
    pools: pools.rows,
    versions: await versionsAtHand(app.db, w.engine),
    keys: (await selectSshKeysPage(app.db, w.organization_id, { size: CHOICES, offset: 0 })).rows,
    values,
    error: null,
    ...more,
  })
}

workspaceSettingsPages.get(`${settingsPath}/execution`, options, (ctx) => drawExecution(ctx))

workspaceSettingsPages.post(`${settingsPath}/execution`, options, async (ctx) => {
  const { form } = ctx
  const mode = form.line('execution-mode')
  const values = {
    version: form.line('terraform-version'),
    mode: ['remote', 'agent', 'local'].includes(mode) ? (mode as 'remote' | 'agent' | 'local') : ('default' as const),
    pool: form.line('agent-pool-id'),
    folder: form.line('working-directory'),
    key: form.line('ssh-key'),
  }
  await orDrawAgain(
    ctx,
    async () => {
      const href = await saveSettings(ctx, {
        'terraform-version': values.version || 'latest',
        'working-directory': values.folder,
        ...(values.mode === 'default'
          ? { 'setting-overwrites': { 'execution-mode': false } }
          : { 'execution-mode': values.mode }),
        ...(values.mode === 'agent' && { 'agent-pool-id': values.pool || null }),
      })
      if (form.has('ssh-key')) await assignSshKey(ctx.app.db, ctx.subject.workspace, values.key || null)
      ctx.redirect(`${href}/execution`, { tone: 'green', text: 'Saved. Runs that start later use it.' })
    },
    (error) => drawExecution(ctx, { values, error }),
  )
})

// --- locking: the forms post to the routes of the workspace's own page

workspaceSettingsPages.get(`${settingsPath}/locking`, options, async (ctx) => {
  const { workspace } = ctx.subject
  await ctx.render('workspaces/settings/locking', { workspace, lock: await lockOf(ctx, workspace) })
})

// --- destruction and deletion

const removal = { action: 'workspace:delete', subject: workspaceByName } as const

const drawDanger = async (ctx: WorkspaceContext, more: Record<string, unknown> = {}) =>
  ctx.render('workspaces/settings/danger', {
    workspace: ctx.subject.workspace,
    mayForce: await mayForceDelete(ctx.subject.workspace, ctx),
    error: null,
    ...more,
  })

workspaceSettingsPages.get(`${settingsPath}/danger`, removal, (ctx) => drawDanger(ctx))

workspaceSettingsPages.post(`${settingsPath}/danger/delete`, removal, async (ctx) => {
  const { app, form, subject } = ctx
  const { workspace } = subject
  await orDrawAgain(
    ctx,
    async () => {
      if (form.line('confirm') !== workspace.name)
        throw invalid('confirm', `That is not ${workspace.name}. Nothing was deleted.`)
      if (workspace.holder_run_id)
        throw problem('conflict', 'A run holds the workspace. Discard or cancel it first. Nothing was deleted.')
      if (workspace.resource_count > 0 && !(await mayForceDelete(workspace, ctx)))
        throw problem('forbidden', 'It still manages resources: only an owner of the organization may delete it.')
      await deleteWorkspace(app.db, workspace.id)
      ctx.redirect(`/app/${workspace.organization_name}/workspaces`, {
        tone: 'green',
        text: `Deleted ${workspace.name} with its runs, states and variables.`,
      })
    },
    (error) => drawDanger(ctx, { error }),
  )
})
