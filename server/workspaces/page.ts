import { invalid, problem } from '../../shared/errors.ts'
import { selectProjects } from '../../shared/projects/queries.ts'
import { createRun } from '../../shared/runs/create.ts'
import { selectRecentRuns } from '../../shared/runs/recent.ts'
import { newNonce, once } from '../../shared/sessions/form-once.ts'
import { acknowledgeState } from '../../shared/states/doubt.ts'
import { openOutput, selectOutputs } from '../../shared/states/outputs.ts'
import { selectTeams } from '../../shared/teams/queries.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { forceUnlockWorkspace, lockWorkspace, unlockWorkspace } from '../../shared/workspaces/lock.ts'
import type { Workspace } from '../../shared/workspaces/queries.ts'
import { runCharts } from '../charts.ts'
import { orDrawAgain } from '../form-error.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { requireMay } from '../route.ts'
import { runPath } from '../runs/view.ts'
import { type WorkspaceSubject, workspaceByName } from '../subjects.ts'

export const workspacePages = new PageRoutes()

const one = '/app/:organization_name/workspaces/:workspace_name'

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
    charts: mayReadRuns ? await runCharts(app.db, { workspaceId: workspace.id }, app.now()) : null,
    waiting: runs.find((r) => ['planned', 'post_plan_completed', 'post_plan_awaiting_decision'].includes(r.status)),
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
  save: 'Plan now, and keep the plan until somebody applies it',
  refresh: 'Refresh the state only',
  destroy: 'Destroy everything',
}

const noValues = { kind: 'apply', message: '', targets: '', replaced: '', skipsRefresh: false }

const newRunForm = (ctx: PageContext & { subject: WorkspaceSubject }, more: Record<string, unknown> = {}) =>
  ctx.render('runs/new', {
    workspace: ctx.subject.workspace,
    kinds,
    values: noValues,
    error: null,
    nonce: newNonce(),
    ...more,
  })

const ADDRESSES = 1000
const ADDRESS_CHARACTERS = 2000

/** Addresses of resources, one a line. */
function addressesIn(text: string, name: string): string[] | null {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  if (lines.length > ADDRESSES) throw invalid(name, `At most ${ADDRESSES} addresses.`)
  const long = lines.find((line) => line.length > ADDRESS_CHARACTERS)
  if (long) throw invalid(name, `“${long.slice(0, 40)}…” is too long for an address.`)
  return lines.length > 0 ? lines : null
}

workspacePages.get(`${one}/runs/new`, { action: 'run:create', subject: workspaceByName }, (ctx) => newRunForm(ctx))

workspacePages.post(`${one}/runs/new`, { action: 'run:create', subject: workspaceByName }, async (ctx) => {
  const { app, form, session, subject } = ctx
  const values = {
    kind: form.line('kind'),
    message: form.text('message').trim().slice(0, 20_000),
    targets: form.text('target-addrs'),
    replaced: form.text('replace-addrs'),
    skipsRefresh: form.has('refresh'),
  }
  const { kind } = values
  if (!Object.hasOwn(kinds, kind)) throw problem('bad_request')
  await orDrawAgain(
    ctx,
    async () => {
      const options = {
        message: values.message || 'Started in the browser',
        planOnly: kind === 'plan',
        savePlan: kind === 'save',
        refreshOnly: kind === 'refresh',
        isDestroy: kind === 'destroy',
        targetAddrs: addressesIn(values.targets, 'target-addrs'),
        replaceAddrs: addressesIn(values.replaced, 'replace-addrs'),
        ...(values.skipsRefresh && { refresh: false }),
      }
      const id = await app.db.transaction((tx) =>
        once(tx, session!.user_id, form.line('nonce'), () =>
          createRun(app, tx, {
            workspace: subject.workspace,
            source: 'tfe-ui',
            structuredOutput: subject.workspace.structured_run_output,
            createdBy: session!.user_id,
            ...options,
          }),
        ),
      )
      ctx.redirect(`${back(subject)}/runs/${id}`)
    },
    (error) => newRunForm(ctx, { values, error }),
  )
})
