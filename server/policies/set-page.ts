import { invalid, problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { addMembers, type Member, memberNames, removeMembers } from '../../shared/policies/members.ts'
import {
  createParameter,
  deleteParameter,
  openParameter,
  selectOptionalParameter,
  selectParameters,
} from '../../shared/policies/parameters.ts'
import { selectPolicies, selectPoliciesOfOrganization } from '../../shared/policies/policies.ts'
import {
  createPolicySet,
  deletePolicySet,
  type PolicySet,
  selectOptionalPolicySet,
  updatePolicySet,
} from '../../shared/policies/sets.ts'
import { selectVersionsOfSet } from '../../shared/policies/versions.ts'
import { selectProjects, selectProjectsPage } from '../../shared/projects/queries.ts'
import { selectOptionalWorkspaceByName, selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { visibleTo } from '../agents/subject.ts'
import { orDrawAgain } from '../form-error.ts'
import { PageRoutes } from '../page-route.ts'
import { organizationByName } from '../subjects.ts'
import { type PolicyContext, policiesHref } from './page.ts'

/** One policy set: what it holds, where it applies, its parameters and the versions that were uploaded. */
export const policySetPages = new PageRoutes()

const path = '/app/:organization_name/settings/policy-sets'
const one = `${path}/:policy_set_id`
const options = { action: 'policy:manage', subject: organizationByName } as const
/** More than a list to choose from should have; beyond it, the API is the better tool. */
const CHOICES = { size: 500, offset: 0 }
const NAMED = 200

const href = ({ subject }: PolicyContext, id: string) => `/app/${subject.organization.name}/settings/policy-sets/${id}`

async function setOfPath(ctx: PolicyContext): Promise<PolicySet> {
  const id = ctx.params.policy_set_id!
  const set = looksLikeId(id, 'polset') ? await selectOptionalPolicySet(ctx.app.db, id) : null
  if (set?.organization_id !== ctx.subject.organization.id) throw problem('not_found')
  return set
}

// --- a new one

const drawNew = (ctx: PolicyContext, more: Record<string, unknown> = {}) =>
  ctx.render('policies/new-set', {
    organization: ctx.subject.organization,
    listPath: policiesHref(ctx),
    values: { name: '', description: '', global: false, overridable: false, tool: '' },
    error: null,
    ...more,
  })

const filled = ({ form }: PolicyContext) => ({
  name: form.line('name'),
  description: form.text('description').trim(),
  global: form.has('global'),
  overridable: form.has('overridable'),
  tool: form.line('policy-tool-version'),
})

function inputOf(values: ReturnType<typeof filled>) {
  if (values.name.length > 90) throw invalid('name', 'A name has at most 90 characters.')
  if (values.description.length > 5000) throw invalid('description', 'A description has at most 5,000 characters.')
  if (values.tool.length > 100) throw invalid('policy-tool-version', 'A version has at most 100 characters.')
  const { name, description, global, overridable, tool } = values
  return { name, description, global, overridable, 'policy-tool-version': tool || null }
}

policySetPages.get(`${path}/new`, options, (ctx) => drawNew(ctx))

policySetPages.post(`${path}/new`, options, async (ctx) => {
  const values = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const input = { ...inputOf(values), kind: 'opa' as const }
      const id = await ctx.app.db.transaction((tx) => createPolicySet(tx, ctx.subject.organization.id, input))
      ctx.redirect(href(ctx, id), {
        tone: 'green',
        text: `Made ${values.name}. Give it policies, and say where it applies.`,
      })
    },
    (error) => drawNew(ctx, { values, error }),
  )
})

// --- one of them

async function draw(ctx: PolicyContext, set: PolicySet, more: Record<string, unknown> = {}): Promise<void> {
  const { app, subject } = ctx
  const { db } = app
  const { organization } = subject
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name, 'en')
  const { projects: visible } = await visibleTo(ctx, organization.id)
  const projects = await selectProjectsPage(
    db,
    { organizationId: organization.id, visible, names: [], q: undefined, tagged: [], sort: undefined },
    CHOICES,
  )
  const policies = await selectPoliciesOfOrganization(db, organization.id, { name: undefined, kind: set.kind }, CHOICES)
  const workspaces = async (ids: string[]) => [...(await selectWorkspaces(db, ids.slice(0, NAMED)))].sort(byName)
  const named = async (ids: string[]) => [...(await selectProjects(db, ids.slice(0, NAMED)))].sort(byName)
  await ctx.render('policies/set', {
    organization,
    set,
    here: href(ctx, set.id),
    listPath: policiesHref(ctx),
    policies: [...(await selectPolicies(db, set.policy_ids.slice(0, NAMED)))].sort(byName),
    choices: policies.rows.filter((p) => !set.policy_ids.includes(p.id)),
    reach: [
      ...(await workspaces(set.workspace_ids)).map((w) => ({ id: w.id, name: w.name, kind: 'workspaces' })),
      ...(await named(set.project_ids)).map((p) => ({ id: p.id, name: p.name, kind: 'projects' })),
      ...(await workspaces(set.workspace_exclusion_ids)).map((w) => ({
        id: w.id,
        name: w.name,
        kind: 'workspace-exclusions',
      })),
      ...(await named(set.project_exclusion_ids)).map((p) => ({ id: p.id, name: p.name, kind: 'project-exclusions' })),
    ],
    projects: projects.rows,
    parameters: (await selectParameters(db, set.id)).map((p) => ({
      id: p.id,
      key: p.key,
      sensitive: p.sensitive,
      value: p.sensitive ? '' : openParameter(app, p),
    })),
    versions: await selectVersionsOfSet(db, set.id, { size: 10, offset: 0 }),
    values: {
      name: set.name,
      description: set.description,
      global: set.is_global,
      overridable: set.overridable,
      tool: set.policy_tool_version ?? '',
    },
    adding: { workspace: '', key: '' },
    error: null,
    ...more,
  })
}

policySetPages.get(one, options, async (ctx) => draw(ctx, await setOfPath(ctx)))

policySetPages.post(one, options, async (ctx) => {
  const set = await setOfPath(ctx)
  const values = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      await updatePolicySet(ctx.app.db, set, inputOf(values))
      ctx.redirect(href(ctx, set.id), { tone: 'green', text: 'Saved. Runs that start later are checked so.' })
    },
    (error) => draw(ctx, set, { values, error }),
  )
})

/** `policy=…`, or `workspace=…` (a name) or `project=…`, with `except` for those that the set leaves out. */
async function memberOf(ctx: PolicyContext): Promise<[Member, string]> {
  const { app, access, form, subject } = ctx
  const except = form.has('except')
  if (form.has('policy')) return ['policies', form.line('policy')]
  const project = form.line('project')
  if (project) return [except ? 'project-exclusions' : 'projects', project]
  const name = form.line('workspace')
  const w = await selectOptionalWorkspaceByName(app.db, subject.organization.name, name)
  const scope = w && { organizationId: w.organization_id, projectId: w.project_id, workspaceId: w.id }
  if (!scope || !(await access.may('workspace:read', scope)))
    throw invalid('workspace', `There is no workspace “${name}” in this organization.`)
  return [except ? 'workspace-exclusions' : 'workspaces', w.id]
}

policySetPages.post(`${one}/add`, options, async (ctx) => {
  const set = await setOfPath(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const [member, id] = await memberOf(ctx)
      await ctx.app.db.transaction((tx) => addMembers(tx, set, member, [id]))
      ctx.redirect(href(ctx, set.id), { tone: 'green', text: 'Added. Runs that start later are checked so.' })
    },
    (error) => draw(ctx, set, { adding: { workspace: ctx.form.line('workspace'), key: '' }, error }),
  )
})

policySetPages.post(`${one}/remove`, options, async (ctx) => {
  const set = await setOfPath(ctx)
  const member = memberNames.find((name) => name === ctx.form.line('kind'))
  if (!member) throw problem('bad_request')
  await removeMembers(ctx.app.db, set.id, member, [ctx.form.line('id')])
  ctx.redirect(href(ctx, set.id), { tone: 'green', text: 'Removed. Runs that start later are checked so.' })
})

policySetPages.post(`${one}/parameters`, options, async (ctx) => {
  const { app, form } = ctx
  const set = await setOfPath(ctx)
  const key = form.line('key')
  await orDrawAgain(
    ctx,
    async () => {
      if (key === '' || key.length > 255) throw invalid('key', 'A key has 1 to 255 characters.')
      const input = { key, value: form.text('value'), sensitive: form.has('sensitive') }
      if (input.value.length > 20_000) throw invalid('value', 'A value has at most 20,000 characters here.')
      await app.db.transaction((tx) => createParameter(app, tx, set.id, input))
      ctx.redirect(href(ctx, set.id), { tone: 'green', text: `Added the parameter ${key}.` })
    },
    // the value of a sensitive one never comes back
    (error) => draw(ctx, set, { adding: { workspace: '', key }, error }),
  )
})

policySetPages.post(`${one}/parameters/:parameter_id/delete`, options, async (ctx) => {
  const set = await setOfPath(ctx)
  const parameter = await selectOptionalParameter(ctx.app.db, set.id, ctx.params.parameter_id!)
  if (!parameter) throw problem('not_found')
  await deleteParameter(ctx.app.db, parameter.id)
  ctx.redirect(href(ctx, set.id), { tone: 'green', text: `Deleted the parameter ${parameter.key}.` })
})

policySetPages.post(`${one}/delete`, options, async (ctx) => {
  const set = await setOfPath(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      if (ctx.form.line('confirm') !== set.name)
        throw invalid('confirm', `That is not ${set.name}. Nothing was deleted.`)
      await deletePolicySet(ctx.app.db, set.id)
      ctx.redirect(policiesHref(ctx), { tone: 'green', text: `Deleted ${set.name}. Its policies are still there.` })
    },
    (error) => draw(ctx, set, { error }),
  )
})
