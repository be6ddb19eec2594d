// Source: shared/api/run-lifecycle.md; https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { createRun } from '../../shared/runs/create.ts'
import { statusGroups } from '../../shared/runs/lifecycle.ts'
import {
  type RunFilter,
  selectOptionalRun,
  selectRun,
  selectRunsOfOrganization,
  selectRunsOfWorkspace,
} from '../../shared/runs/queries.ts'
import { selectOptionalWorkspaceById } from '../../shared/workspaces/queries.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf, pagination } from '../jsonapi/page.ts'
import { type Context, Routes, requireMay } from '../route.ts'
import { organizationByName, workspaceById } from '../subjects.ts'
import { run } from './json.ts'
import { runById } from './subject.ts'

export const runs = new Routes('/api/v2')

const Addresses = z.array(z.string().min(1).max(2000)).max(1000).nullish()

const Create = z.object({
  'allow-config-generation': z.boolean().nullish(),
  'allow-empty-apply': z.boolean().nullish(),
  'auto-apply': z.boolean().nullish(),
  'invoke-action-addrs': Addresses,
  'is-destroy': z.boolean().nullish(),
  message: z.string().max(20_000, 'is too long (at most 20,000 characters)').nullish(),
  'plan-only': z.boolean().nullish(),
  'policy-paths': Addresses,
  refresh: z.boolean().nullish(),
  'refresh-only': z.boolean().nullish(),
  'replace-addrs': Addresses,
  'save-plan': z.boolean().nullish(),
  'target-addrs': Addresses,
  'terraform-version': z.string().max(64).nullish(),
  variables: z
    .array(z.object({ key: z.string().min(1).max(512), value: z.string().max(1_048_576) }))
    .max(1000)
    .nullish(),
})

const orUndefined = <T>(value: T | null | undefined): T | undefined => value ?? undefined

runs.post(
  '/runs',
  { action: 'account:read', attributes: Create, answers: 201, maxBodyBytes: 8 * 1024 * 1024 },
  async (ctx) => {
    const { app, access, actor, input, koa } = ctx
    const workspaceId = input.relatedId('workspace')
    if (!workspaceId) throw invalid('workspace', 'The relationship workspace is required.')
    const workspace = await selectOptionalWorkspaceById(app.db, workspaceId)
    if (!workspace) throw problem('not_found')
    await requireMay(access, 'run:create', {
      organizationId: workspace.organization_id,
      projectId: workspace.project_id,
      workspaceId: workspace.id,
    })
    const a = input.attributes
    if (a['save-plan'] && a['plan-only']) throw invalid('save-plan', 'A run cannot be both plan-only and a saved plan.')
    if (a['terraform-version'] && !a['plan-only']) {
      throw invalid('terraform-version', 'terraform-version can only be given for plan-only runs.')
    }
    const fromCli = koa.get('terraform-version') !== ''
    const id = await app.db.transaction((tx) =>
      createRun(app, tx, {
        workspace,
        configurationVersionId: orUndefined(input.relatedId('configuration-version')),
        source: 'tfe-api',
        // the remote backend prints the log as it is; everything else can render the JSON UI stream
        structuredOutput: !fromCli || koa.get('x-terraform-integration') === 'cloud',
        createdBy: userIdOf(actor),
        createdByTeamId: actor.kind === 'team' ? actor.teamId : null,
        allowConfigGeneration: orUndefined(a['allow-config-generation']),
        allowEmptyApply: orUndefined(a['allow-empty-apply']),
        autoApply: orUndefined(a['auto-apply']),
        isDestroy: orUndefined(a['is-destroy']),
        message: a.message || (fromCli ? 'Triggered via CLI' : 'Triggered via API'),
        planOnly: orUndefined(a['plan-only']),
        refresh: orUndefined(a.refresh),
        refreshOnly: orUndefined(a['refresh-only']),
        replaceAddrs: a['replace-addrs'],
        policyPaths: a['policy-paths'],
        invokeActionAddrs: a['invoke-action-addrs'],
        savePlan: orUndefined(a['save-plan']),
        targetAddrs: a['target-addrs'],
        engineVersion: orUndefined(a['terraform-version']),
        variables: a.variables?.length ? a.variables : null,
      }),
    )
    return one(run, await selectRun(app.db, id), ctx)
  },
)

const REREADS = 3

runs.get('/runs/:run_id', { action: 'run:read', subject: runById }, async (ctx) => {
  let row = ctx.subject.run
  for (let reread = 0; ; reread++) {
    const answer = await one(run, row, ctx)
    if (!ctx.query.include || reread === REREADS) return answer
    // what is included was read after the run: no client sees a finished plan of a run that is still planning
    const now = await selectOptionalRun(ctx.app.db, row.id)
    if (!now || (now.status === row.status && now.updated_at.getTime() === row.updated_at.getTime())) return answer
    row = now
  }
})

const words = (ctx: Context, name: string): string[] | undefined => {
  const found = [ctx.query[name] ?? []]
    .flat()
    .flatMap((text) => text.split(','))
    .filter(Boolean)
  return found.length > 0 ? found : undefined
}

function filterOf(ctx: Context): RunFilter {
  const group = words(ctx, 'filter[status_group]')?.flatMap((name) =>
    Object.hasOwn(statusGroups, name) ? statusGroups[name]! : [],
  )
  return {
    statuses: words(ctx, 'filter[status]') ?? group,
    sources: words(ctx, 'filter[source]'),
    operations: words(ctx, 'filter[operation]'),
    search: words(ctx, 'search[basic]')?.join(',') ?? words(ctx, 'search[commit]')?.join(','),
    user: words(ctx, 'search[user]')?.[0],
  }
}

runs.get('/workspaces/:workspace_id/runs', { action: 'run:read', subject: workspaceById }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectRunsOfWorkspace(ctx.app.db, ctx.subject.workspace.id, filterOf(ctx), page)
  return many(run, rows, ctx, { page, totalCount })
})

runs.get(
  '/organizations/:organization_name/runs',
  { action: 'workspace:list', subject: organizationByName },
  async (ctx) => {
    const { app, access, subject } = ctx
    const page = pageOf(ctx)
    const visible = await visibleWorkspaces(access, subject.organization.id)
    const filter = { ...filterOf(ctx), workspaceNames: words(ctx, 'filter[workspace_names]') }
    const rows = await selectRunsOfOrganization(app.db, subject.organization.id, visible, filter, page)
    const document = await many(run, rows.slice(0, page.size), ctx)
    // this list leaves out the totals: counting all runs of an organization is what makes it slow
    const pages = pagination(ctx, page, page.offset + rows.length)
    const { 'total-pages': _p, 'total-count': _c, ...meta } = pages.meta.pagination
    return { ...document, links: { ...pages.links, last: undefined }, meta: { pagination: meta } }
  },
)
