// Variables of a module's tests. Source: go-tfe test_variables.go
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import {
  deleteVariable,
  selectOptionalVariable,
  selectVariables,
  type Variable,
} from '../../shared/variables/queries.ts'
import { createVariable, updateVariable, VariableInput } from '../../shared/variables/variables.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { variable } from '../variables/json.ts'
import { type ModuleSubject, moduleByName } from './subject.ts'

const module = '/organizations/:organization_name/tests/registry-modules/:registry_name/:namespace/:name/:provider'
export const testVariables = new Routes(`/api/v2${module}/vars`)

/** As the variables of workspaces; `configurable` is left out, since clients decode it as a workspace. */
const testVariable = defineResource<Variable>({
  type: variable.type,
  id: variable.id,
  attributes: variable.attributes,
})

const action = 'registry:manage-modules'
const changing = { action, subject: moduleByName, attributes: VariableInput } as const
const ownerOf = (ctx: { subject: ModuleSubject }) => ({ moduleId: ctx.subject.module.id })

async function named(ctx: Context & { subject: ModuleSubject }): Promise<Variable> {
  const id = ctx.params.variable_id!
  const found = looksLikeId(id, 'var') ? await selectOptionalVariable(ctx.app.db, ownerOf(ctx), id) : null
  if (!found) throw problem('not_found')
  return found
}

testVariables.get('', { action, subject: moduleByName }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectVariables(ctx.app.db, ownerOf(ctx), page)
  return many(testVariable, rows, ctx, { page, totalCount })
})

testVariables.post('', { ...changing, answers: 201 }, async (ctx) => {
  const made = await ctx.app.db.transaction((tx) => createVariable(ctx.app, tx, ownerOf(ctx), ctx.input.attributes))
  return one(testVariable, made, ctx)
})

testVariables.get('/:variable_id', { action, subject: moduleByName }, async (ctx) =>
  one(testVariable, await named(ctx), ctx),
)

testVariables.patch('/:variable_id', changing, async (ctx) => {
  const { id } = await named(ctx)
  const changed = await ctx.app.db.transaction((tx) =>
    updateVariable(ctx.app, tx, ownerOf(ctx), id, ctx.input.attributes),
  )
  return one(testVariable, changed, ctx)
})

testVariables.delete('/:variable_id', { action, subject: moduleByName }, async (ctx) => {
  const { id } = await named(ctx)
  await deleteVariable(ctx.app.db, ownerOf(ctx), id)
})
