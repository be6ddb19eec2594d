// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/policy-set-params
import { problem } from '../../shared/errors.ts'
import {
  createParameter,
  deleteParameter,
  type Parameter,
  ParameterInput,
  selectOptionalParameter,
  selectParameters,
  updateParameter,
} from '../../shared/policies/parameters.ts'
import { many, one } from '../jsonapi/answer.ts'
import { type Context, Routes } from '../route.ts'
import { parameter } from './json.ts'
import { type PolicySetSubject, policySetById } from './sets.ts'

export const policySetParameters = new Routes('/api/v2')

const path = '/policy-sets/:policy_set_id/parameters'
const options = { action: 'policy:manage', subject: policySetById } as const

async function parameterById(ctx: Context): Promise<PolicySetSubject & { parameter: Parameter }> {
  const subject = await policySetById(ctx)
  const found = await selectOptionalParameter(ctx.app.db, subject.set.id, ctx.params.id!)
  if (!found) throw problem('not_found')
  return { ...subject, parameter: found }
}

const single = { action: 'policy:manage', subject: parameterById } as const

// not paged: clients read them in one piece
policySetParameters.get(path, options, async (ctx) =>
  many(parameter, await selectParameters(ctx.app.db, ctx.subject.set.id), ctx),
)

policySetParameters.post(path, { ...options, attributes: ParameterInput, answers: 201 }, async (ctx) => {
  const { app, input, subject } = ctx
  const id = await app.db.transaction((tx) => createParameter(app, tx, subject.set.id, input.attributes))
  return one(parameter, (await selectOptionalParameter(app.db, subject.set.id, id))!, ctx)
})

policySetParameters.get(`${path}/:id`, single, (ctx) => one(parameter, ctx.subject.parameter, ctx))

policySetParameters.patch(`${path}/:id`, { ...single, attributes: ParameterInput }, async (ctx) => {
  const { app, input, subject } = ctx
  await app.db.transaction((tx) => updateParameter(app, tx, subject.parameter, input.attributes))
  return one(parameter, (await selectOptionalParameter(app.db, subject.set.id, subject.parameter.id))!, ctx)
})

policySetParameters.delete(`${path}/:id`, single, async (ctx) => {
  await deleteParameter(ctx.app.db, ctx.subject.parameter.id)
})
