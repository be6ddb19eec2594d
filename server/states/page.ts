import { userIdOf } from '../../shared/access/actor.ts'
import { Problem, problem } from '../../shared/errors.ts'
import type { ListedVersion } from '../../shared/states/browse.ts'
import {
  selectOptionalCurrentVersion,
  selectOptionalVersion,
  selectOutputsPage,
  selectResourcesPage,
  selectVersionsPage,
} from '../../shared/states/browse.ts'
import { rollBackLocked } from '../../shared/states/roll-back.ts'
import { sendBlob } from '../download.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { type WorkspaceSubject, workspaceByName } from '../subjects.ts'
import { comparisonView, outputLines, resourceView } from './view.ts'

export const statePages = new PageRoutes()

const root = '/app/:organization_name/workspaces/:workspace_name/states'
const readable = { action: 'state:read', subject: workspaceByName } as const
type Ctx = PageContext & { subject: WorkspaceSubject }

const RAIL = 12
const OUTPUTS_SHOWN = 20

const pathOf = ({ subject: { workspace: w } }: Ctx) => `/app/${w.organization_name}/workspaces/${w.name}/states`

async function rail(ctx: Ctx) {
  const number = Math.max(1, Math.min(Number.parseInt(ctx.ask('versions'), 10) || 1, 1_000_000))
  const page = { number, size: RAIL, offset: (number - 1) * RAIL }
  const { rows, totalCount } = await selectVersionsPage(ctx.app.db, ctx.subject.workspace.id, page)
  return {
    versions: rows,
    versionCount: totalCount,
    railPage: page,
    root: pathOf(ctx),
    workspace: ctx.subject.workspace,
  }
}

async function versionOf(ctx: Ctx, slug = ctx.params.state!): Promise<ListedVersion> {
  const version = await selectOptionalVersion(ctx.app.db, ctx.subject.workspace.id, slug)
  if (!version) throw problem('not_found')
  return version
}

async function showVersion(ctx: Ctx, version: ListedVersion): Promise<void> {
  const { app } = ctx
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim().slice(0, 200)
  const module = ctx.ask('module').slice(0, 500)
  const resources = await selectResourcesPage(app.db, version.id, { search: q, module }, page)
  const outputs = await selectOutputsPage(app.db, version.id, '', { size: OUTPUTS_SHOWN, offset: 0 })
  await ctx.render('states/show', {
    ...(await rail(ctx)),
    version,
    resources: resources.rows,
    resourceCount: resources.totalCount,
    page,
    q,
    module,
    outputs: outputLines(app, outputs.rows),
    outputCount: outputs.totalCount,
  })
}

statePages.get(root, readable, async (ctx) => {
  const [from, to] = [ctx.ask('from'), ctx.ask('to')]
  if (from && to) {
    const [a, b] = [await versionOf(ctx, from), await versionOf(ctx, to)]
    return ctx.redirect(`${pathOf(ctx)}/${a.slug}...${b.slug}`)
  }
  const version = await selectOptionalCurrentVersion(ctx.app.db, ctx.subject.workspace.id)
  if (version) await showVersion(ctx, version)
  else await ctx.render('states/empty', { workspace: ctx.subject.workspace })
})

statePages.get(`${root}/:state`, readable, async (ctx) => {
  const [from, to] = ctx.params.state!.split('...')
  if (!from || !to) return showVersion(ctx, await versionOf(ctx))
  const [before, after] = [await versionOf(ctx, from), await versionOf(ctx, to)]
  const comparison = await comparisonView(ctx, before, after)
  await ctx.render('states/compare', { ...(await rail(ctx)), before, after, comparison })
})

statePages.get(`${root}/:state/outputs`, readable, async (ctx) => {
  const version = await versionOf(ctx)
  const page = { ...pageOf(ctx), size: 50 }
  const q = ctx.ask('q').trim().slice(0, 200)
  const { rows, totalCount } = await selectOutputsPage(ctx.app.db, version.id, q, {
    size: page.size,
    offset: (page.number - 1) * page.size,
  })
  const locals = {
    ...(await rail(ctx)),
    version,
    q,
    page,
    outputs: outputLines(ctx.app, rows),
    outputCount: totalCount,
  }
  await ctx.render('states/outputs', locals)
})

statePages.get(`${root}/:state/resource`, readable, async (ctx) => {
  const version = await versionOf(ctx)
  const resource = await resourceView(ctx, version, ctx.ask('address'))
  await ctx.render('states/resource', { ...(await rail(ctx)), version, resource })
})

statePages.get(`${root}/:state/download`, readable, async (ctx) => {
  const version = await versionOf(ctx)
  if (version.status !== 'finalized' || !version.raw_blob_id)
    throw problem('not_found', 'The bytes of this state version were deleted.')
  await sendBlob(ctx, {
    id: version.raw_blob_id,
    of: version.id,
    sizeBytes: version.size_bytes,
    type: 'application/json',
    fileName: `${ctx.subject.workspace.name}-${version.serial}.tfstate`,
  })
})

async function rollBackForm(ctx: Ctx, version: ListedVersion, error: string | null): Promise<void> {
  const current = await selectOptionalCurrentVersion(ctx.app.db, ctx.subject.workspace.id)
  if (!current) throw problem('not_found')
  const comparison = await comparisonView(ctx, current, version)
  await ctx.render('states/roll-back', { ...(await rail(ctx)), version, current, comparison, error })
}

statePages.get(`${root}/:state/rollback`, { action: 'state:create', subject: workspaceByName }, async (ctx) =>
  rollBackForm(ctx, await versionOf(ctx), null),
)

statePages.post(`${root}/:state/rollback`, { action: 'state:create', subject: workspaceByName }, async (ctx) => {
  const { app, actor, form, subject } = ctx
  const { workspace } = subject
  const version = await versionOf(ctx)
  const refuse = (status: number, sentence: string) => {
    ctx.koa.status = status
    return rollBackForm(ctx, version, sentence)
  }
  if (form.line('name') !== workspace.name) return refuse(422, `Type ${workspace.name} to roll back.`)
  const current = await selectOptionalCurrentVersion(app.db, workspace.id)
  if (current && current.id !== form.line('current'))
    return refuse(409, 'Another state was written meanwhile. Look at the differences again.')
  try {
    await rollBackLocked(app, workspace.id, { actor, userId: userIdOf(actor)! }, version)
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    return refuse(error.status, error.detail)
  }
  ctx.redirect(pathOf(ctx), {
    tone: 'green',
    text: `Rolled back to state ${version.serial}. The next plan compares it with the infrastructure.`,
  })
})
