// Source: shared/api/surface.tsv (varsets), https://developer.hashicorp.com/terraform/cloud-docs/api-docs/variable-sets
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import { visibleProjects, visibleWorkspaces } from '../../shared/access/visible.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { selectOptionalProject } from '../../shared/projects/queries.ts'
import { createVariable, VariableInput } from '../../shared/variables/variables.ts'
import {
  deleteVarset,
  selectOptionalVarsetOwner,
  selectVarset,
  selectVarsetsPage,
  type VarsetOwner,
  type VarsetsOf,
  type Visible,
} from '../../shared/varsets/queries.ts'
import {
  applyVarset,
  createVarset,
  removeVarset,
  replaceVarset,
  type Target,
  updateVarset,
  VarsetInput,
} from '../../shared/varsets/varsets.ts'
import { many, one } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { pageOf } from '../jsonapi/page.ts'
import { textOf } from '../jsonapi/query.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName, projectById, workspaceById } from '../subjects.ts'
import { variableRoutes } from '../variables/routes.ts'
import { varset } from './json.ts'

export const varsets = new Routes('/api/v2')

interface VarsetSubject extends Subject {
  varset: VarsetOwner
}

async function varsetById(ctx: Context): Promise<VarsetSubject> {
  const found = await selectOptionalVarsetOwner(ctx.app.db, ctx.params.varset_id!)
  if (!found) throw problem('not_found')
  return { varset: found, scope: { organizationId: found.organization_id } }
}

const visibleTo = async ({ access }: Context, organizationId: string): Promise<Visible> => ({
  workspaces: await visibleWorkspaces(access, organizationId),
  projects: await visibleProjects(access, organizationId),
})

async function list(ctx: Context, of: VarsetsOf) {
  const page = pageOf(ctx)
  const visible = await visibleTo(ctx, of.organizationId)
  const { rows, totalCount } = await selectVarsetsPage(ctx.app.db, of, textOf(ctx, 'q'), visible, page)
  return many(varset, rows, ctx, { page, totalCount })
}

async function show(ctx: Context, owner: Pick<VarsetOwner, 'id' | 'organization_id'>) {
  const row = await selectVarset(ctx.app.db, owner.id, await visibleTo(ctx, owner.organization_id))
  return one(varset, row, ctx)
}

varsets.get(
  '/organizations/:organization_name/varsets',
  { action: 'varset:read', subject: organizationByName },
  (ctx) => list(ctx, { organizationId: ctx.subject.organization.id }),
)

varsets.get('/workspaces/:workspace_id/varsets', { action: 'variable:read', subject: workspaceById }, (ctx) => {
  const { id, project_id, organization_id } = ctx.subject.workspace
  return list(ctx, { organizationId: organization_id, projectId: project_id, workspaceId: id })
})

varsets.get('/projects/:project_id/varsets', { action: 'project:read', subject: projectById }, (ctx) =>
  list(ctx, { organizationId: ctx.subject.project.organization_id, projectId: ctx.subject.project.id }),
)

const targets = ['workspaces', 'projects'] as const

const idsOf = (list: { id?: string | undefined }[]): string[] => list.flatMap(({ id }) => id ?? []).slice(0, 1000)

/** The project that is to own a new set; null for the organization. */
function parentProject(input: Input<VarsetInput>): string | null {
  const parent = input.relationship('parent')
  if (!parent || Array.isArray(parent) || parent.type !== 'projects') return null
  return parent.id ?? null
}

/** Variables that a new set is given at once. */
function variablesOf(input: Input<VarsetInput>): VariableInput[] {
  return (input.relatedList('vars') ?? []).map((item) => {
    const parsed = VariableInput.safeParse(item.attributes ?? {})
    if (!parsed.success)
      throw invalid('vars', 'A variable of the set cannot be read: key, value and category are texts')
    return parsed.data
  })
}

varsets.post(
  '/organizations/:organization_name/varsets',
  { action: 'varset:manage', subject: organizationByName, attributes: VarsetInput, answers: 201 },
  async (ctx) => {
    const { app, input } = ctx
    const organizationId = ctx.subject.organization.id
    const projectId = parentProject(input)
    const owner = await app.db.transaction(async (tx) => {
      if (projectId && (await selectOptionalProject(tx, projectId))?.organization_id !== organizationId) {
        throw invalid('parent', `Project ${projectId} does not exist in this organization`)
      }
      const id = await createVarset(tx, { organizationId, projectId }, input.attributes)
      const created = { id, organization_id: organizationId, project_id: projectId }
      for (const target of targets) await applyVarset(tx, created, target, idsOf(input.relatedList(target) ?? []))
      for (const given of variablesOf(input))
        await createVariable(app, tx, { varsetId: id }, given, userIdOf(ctx.actor))
      return created
    })
    return show(ctx, owner)
  },
)

varsets.get('/varsets/:varset_id', { action: 'varset:read', subject: varsetById }, (ctx) =>
  show(ctx, ctx.subject.varset),
)

varsets.patch(
  '/varsets/:varset_id',
  { action: 'varset:manage', subject: varsetById, attributes: VarsetInput },
  async (ctx) => {
    const { app, input } = ctx
    const { varset: owner } = ctx.subject
    await app.db.transaction(async (tx) => {
      await updateVarset(tx, owner.id, input.attributes)
      for (const target of targets) {
        const given = input.relatedList(target)
        if (given) await replaceVarset(tx, owner, target, idsOf(given))
      }
    })
    return show(ctx, owner)
  },
)

varsets.delete('/varsets/:varset_id', { action: 'varset:manage', subject: varsetById }, async (ctx) => {
  await deleteVarset(ctx.app.db, ctx.subject.varset.id)
})

const Targets = z
  .array(z.object({ id: z.string() }))
  .min(1)
  .max(1000)

function targetIds(data: unknown, target: Target): string[] {
  const parsed = Targets.safeParse(data)
  if (!parsed.success) throw problem('bad_request', `A list of at most 1000 ${target} with their ids is expected.`)
  return parsed.data.map((item) => item.id)
}

for (const target of targets) {
  const path = `/varsets/:varset_id/relationships/${target}`
  const options = { action: 'varset:manage', subject: varsetById, plainBody: true, answers: 204 } as const

  varsets.post(path, options, async (ctx) => {
    const ids = targetIds(ctx.input.data, target)
    await ctx.app.db.transaction((tx) => applyVarset(tx, ctx.subject.varset, target, ids))
  })

  varsets.delete(path, options, (ctx) =>
    removeVarset(ctx.app.db, ctx.subject.varset.id, target, targetIds(ctx.input.data, target)),
  )
}

variableRoutes(
  varsets,
  '/varsets/:varset_id/relationships/vars',
  varsetById,
  (subject) => ({ varsetId: subject.varset.id }),
  { read: 'varset:read', manage: 'varset:manage' },
)
