import { invalid, problem } from '../../shared/errors.ts'
import { selectProjects, selectProjectsPage } from '../../shared/projects/queries.ts'
import { selectAuthoredVariables } from '../../shared/variables/queries.ts'
import {
  deleteVarset,
  selectOptionalVarsetOwner,
  selectVarset,
  selectVarsetsPage,
  type Varset,
} from '../../shared/varsets/queries.ts'
import { applyVarset, createVarset, removeVarset, updateVarset } from '../../shared/varsets/varsets.ts'
import { selectOptionalWorkspaceByName, selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { visibleTo } from '../agents/subject.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import type { Context, Subject } from '../route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'
import { variableForms } from '../variables/forms.ts'
import { shownValue } from '../variables/page.ts'

export const varsetPages = new PageRoutes()

const list = '/app/:organization_name/varsets'
const one = `${list}/:varset_id`

async function drawList(ctx: PageContext & { subject: OrganizationSubject }, more: Record<string, unknown> = {}) {
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const of = { organizationId: organization.id }
  const visible = await visibleTo(ctx, organization.id)
  const { rows, totalCount } = await selectVarsetsPage(ctx.app.db, of, q || undefined, visible, page)
  const values = { name: '', description: '', global: false, priority: false }
  await ctx.render('varsets/list', { organization, varsets: rows, totalCount, page, q, values, error: null, ...more })
}

varsetPages.get(list, { action: 'varset:read', subject: organizationByName }, (ctx) => drawList(ctx))

const filled = ({ form }: PageContext) => ({
  name: form.line('name'),
  description: form.line('description'),
  global: form.line('reach') === 'all',
  priority: form.has('priority'),
})

varsetPages.post(list, { action: 'varset:manage', subject: organizationByName }, async (ctx) => {
  const { app, subject } = ctx
  const { organization } = subject
  const values = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const owner = { organizationId: organization.id, projectId: null }
      const id = await app.db.transaction((tx) => createVarset(tx, owner, values))
      ctx.redirect(`/app/${organization.name}/varsets/${id}`, {
        tone: 'green',
        text: `Made ${values.name}. Add variables now.`,
      })
    },
    (error) => drawList(ctx, { values, error }),
  )
})

interface VarsetSubject extends Subject {
  varset: Varset
}

async function varsetOfPath(ctx: Context): Promise<VarsetSubject> {
  const owner = await selectOptionalVarsetOwner(ctx.app.db, ctx.params.varset_id!)
  if (!owner) throw problem('not_found')
  const varset = await selectVarset(ctx.app.db, owner.id, await visibleTo(ctx, owner.organization_id))
  if (varset.organization_name.toLowerCase() !== ctx.params.organization_name!.toLowerCase()) throw problem('not_found')
  return { varset, scope: { organizationId: varset.organization_id } }
}

const href = ({ varset: s }: VarsetSubject) => `/app/${s.organization_name}/varsets/${s.id}`
const NAMED = 200

async function draw(ctx: PageContext & { subject: VarsetSubject }, more: Record<string, unknown> = {}) {
  const { app, subject } = ctx
  const { varset } = subject
  const rows = await selectAuthoredVariables(app.db, { varsetId: varset.id })
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name, 'en')
  const { projects: visible } = await visibleTo(ctx, varset.organization_id)
  const choices = await selectProjectsPage(
    app.db,
    { organizationId: varset.organization_id, visible, names: [], q: undefined, tagged: [], sort: undefined },
    { size: 500, offset: 0 },
  )
  await ctx.render('varsets/show', {
    varset,
    variables: rows.map((v) => ({ ...v, text: shownValue(app, v) })),
    workspaces: [...(await selectWorkspaces(app.db, varset.workspace_ids.slice(0, NAMED)))].sort(byName),
    projects: [...(await selectProjects(app.db, varset.project_ids.slice(0, NAMED)))].sort(byName),
    choices: choices.rows.filter((p) => !varset.project_ids.includes(p.id)),
    values: { ...varset, global: varset.is_global },
    adding: '',
    error: null,
    ...more,
  })
}

const managed = { action: 'varset:manage', subject: varsetOfPath } as const

varsetPages.get(one, { action: 'varset:read', subject: varsetOfPath }, (ctx) => draw(ctx))

varsetPages.post(one, managed, async (ctx) => {
  const values = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      await ctx.app.db.transaction((tx) => updateVarset(tx, ctx.subject.varset.id, values))
      ctx.redirect(href(ctx.subject), { tone: 'green', text: 'Saved. Runs that start later use it.' })
    },
    (error) => draw(ctx, { values, error }),
  )
})

varsetPages.post(`${one}/apply`, managed, async (ctx) => {
  const { app, access, form, subject } = ctx
  const { varset } = subject
  const name = form.line('workspace')
  const project = form.line('project')
  await orDrawAgain(
    ctx,
    async () => {
      if (project) await app.db.transaction((tx) => applyVarset(tx, varset, 'projects', [project]))
      else {
        const w = await selectOptionalWorkspaceByName(app.db, varset.organization_name, name)
        const scope = w && { organizationId: w.organization_id, projectId: w.project_id, workspaceId: w.id }
        if (!scope || !(await access.may('workspace:read', scope)))
          throw invalid('workspace', `There is no workspace “${name}” in this organization.`)
        await app.db.transaction((tx) => applyVarset(tx, varset, 'workspaces', [w.id]))
      }
      ctx.redirect(href(subject), { tone: 'green', text: 'Applied. Runs that start later use it.' })
    },
    (error) => draw(ctx, { adding: name, error }),
  )
})

varsetPages.post(`${one}/remove`, managed, async (ctx) => {
  const { app, form, subject } = ctx
  const target = form.line('target') === 'projects' ? 'projects' : 'workspaces'
  await removeVarset(app.db, subject.varset.id, target, [form.line('id')])
  ctx.redirect(href(subject), { tone: 'green', text: 'The set no longer applies there.' })
})

varsetPages.post(`${one}/delete`, managed, async (ctx) => {
  const { app, form, subject } = ctx
  const { varset } = subject
  await orDrawAgain(
    ctx,
    async () => {
      if (form.line('confirm') !== varset.name)
        throw invalid('confirm', `That is not “${varset.name}”. Nothing was deleted.`)
      await deleteVarset(app.db, varset.id)
      ctx.redirect(`/app/${varset.organization_name}/varsets`, {
        tone: 'green',
        text: `Deleted ${varset.name} with its variables.`,
      })
    },
    (error) => draw(ctx, { error }),
  )
})

variableForms(varsetPages, `${one}/variables`, varsetOfPath, {
  ownerOf: ({ varset }) => ({ varsetId: varset.id }),
  manage: 'varset:manage',
  listPath: href,
  nameOf: ({ varset }) => `set “${varset.name}”`,
  locals: ({ varset }) => ({ workspace: null, varset }),
})
