// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/no-code-provisioning
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { selectOptionalOrganizationByName } from '../../shared/organizations/queries.ts'
import { selectOptionalModuleVersion } from '../../shared/registry/module-versions.ts'
import { selectOptionalModuleById } from '../../shared/registry/modules.ts'
import { offeredVersion, provisionWorkspace, upgradeWorkspace } from '../../shared/registry/no-code-workspaces.ts'
import { confirmRun } from '../../shared/runs/actions.ts'
import { type Run, selectOptionalRun } from '../../shared/runs/queries.ts'
import { VariableInput } from '../../shared/variables/variables.ts'
import { selectWorkspace } from '../../shared/workspaces/queries.ts'
import { WorkspaceSettings } from '../../shared/workspaces/settings.ts'
import { one } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { type Context, Routes, requireMay } from '../route.ts'
import { runScope } from '../runs/json.ts'
import { type WorkspaceSubject, workspaceById } from '../subjects.ts'
import { projectGiven } from '../workspaces/api.ts'
import { workspace } from '../workspaces/json.ts'
import { type NoCodeSubject, noCodeById } from './no-code.ts'
import { workspaceUpgrade } from './no-code-json.ts'

export const noCodeWorkspaces = new Routes('/api/v2')

const single = '/no-code-modules/:no_code_module_id/workspaces'

const Create = WorkspaceSettings.pick({
  description: true,
  'auto-apply': true,
  'source-name': true,
  'source-url': true,
  'execution-mode': true,
  'agent-pool-id': true,
  'terraform-version': true,
}).extend({ name: z.string("can't be blank") })

/** Variables of the request; of Terraform when they do not say. */
function variablesOf(input: Input<unknown>): VariableInput[] {
  const given = input.relatedList('vars') ?? []
  if (given.length > 1000) throw invalid('vars', 'Vars are 1000 at most')
  return given.map((item) => {
    const parsed = VariableInput.safeParse(item.attributes ?? {})
    if (!parsed.success) throw invalid('vars', 'A variable cannot be read: key, value and category are texts')
    return { ...parsed.data, category: parsed.data.category ?? 'terraform' }
  })
}

noCodeWorkspaces.post(
  single,
  // which project it goes to, and whether the caller may create there, is in the body
  { action: 'registry:read', subject: noCodeById, attributes: Create, answers: 201 },
  async (ctx) => {
    const { app, input, subject, actor } = ctx
    const { noCode } = subject
    const organization = (await selectOptionalOrganizationByName(app.db, noCode.organization_name))!
    const projectId = (await projectGiven(ctx, input, organization.id)) ?? organization.default_project_id
    if (!projectId) throw problem('internal')
    await requireMay(ctx.access, 'workspace:create', { organizationId: noCode.organization_id, projectId })
    if (actor.kind === 'organization')
      throw problem('forbidden', 'A no-code workspace starts a run at once, which tokens of organizations may not.')
    const module = (await selectOptionalModuleById(app.db, noCode.module_id))!
    const published = module.versions.filter(({ status }) => status === 'ok').map(({ version }) => version)
    const offered = offeredVersion(noCode.version_pin, published)
    const version = offered === null ? null : await selectOptionalModuleVersion(app.db, module.id, offered)
    const id = await provisionWorkspace(app, noCode, version, {
      projectId,
      settings: input.attributes,
      variables: variablesOf(input),
      by: userIdOf(actor),
    })
    return one(workspace, await selectWorkspace(app.db, id), ctx)
  },
)

/** A workspace below its module: the one is useless without a look at the other. */
async function workspaceOfModule(ctx: Context): Promise<WorkspaceSubject & NoCodeSubject> {
  const { noCode } = await noCodeById(ctx)
  const subject = await workspaceById(ctx)
  if (subject.workspace.no_code_module_id !== noCode.id) throw problem('not_found')
  return { ...subject, noCode }
}

const upgrade = `${single}/:workspace_id/upgrade`
const upgrading = { action: 'run:apply', subject: workspaceOfModule } as const

const answer = (ctx: Context, run: Run) =>
  one(
    workspaceUpgrade,
    {
      id: run.id,
      status: run.status,
      url: `${ctx.origin}/app/${run.organization_name}/workspaces/${run.workspace_name}/runs/${run.id}`,
      message: '',
    },
    ctx,
  )

noCodeWorkspaces.post(upgrade, { ...upgrading, attributes: z.object({}), answers: 202 }, async (ctx) => {
  const { app, subject, input, actor } = ctx
  const variables = variablesOf(input)
  if (variables.length > 0) await requireMay(ctx.access, 'variable:manage', subject.scope)
  const runId = await upgradeWorkspace(app, subject.noCode, subject.workspace, { variables, by: userIdOf(actor) })
  if (runId !== null) return answer(ctx, (await selectOptionalRun(app.db, runId))!)
  const message = 'The workspace has the version that the module offers: there is nothing to upgrade.'
  return one(workspaceUpgrade, { id: subject.workspace.id, status: null, url: null, message }, ctx)
})

async function upgradeRun(ctx: Context & { subject: WorkspaceSubject }): Promise<Run> {
  const id = ctx.params.run_id!
  const run = looksLikeId(id, 'run') ? await selectOptionalRun(ctx.app.db, id) : null
  if (run?.workspace_id !== ctx.subject.workspace.id) throw problem('not_found')
  await requireMay(ctx.access, 'run:read', runScope(run))
  return run
}

noCodeWorkspaces.get(`${upgrade}/:run_id`, { action: 'run:read', subject: workspaceOfModule }, async (ctx) =>
  answer(ctx, await upgradeRun(ctx)),
)

noCodeWorkspaces.post(`${upgrade}/:run_id`, { ...upgrading, answers: 202 }, async (ctx) => {
  const run = await upgradeRun(ctx)
  await confirmRun(ctx.app, run.id, { userId: userIdOf(ctx.actor) })
  return answer(ctx, (await selectOptionalRun(ctx.app.db, run.id))!)
})
