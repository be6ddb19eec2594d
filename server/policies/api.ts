// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/policies
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import {
  createPolicy,
  deletePolicy,
  type Policy,
  PolicyInput,
  selectOptionalPolicy,
  selectOptionalPolicyContent,
  selectPoliciesOfOrganization,
  updatePolicy,
  uploadPolicy,
} from '../../shared/policies/policies.ts'
import { many, one } from '../jsonapi/answer.ts'
import { readBody } from '../jsonapi/body.ts'
import { pageOf } from '../jsonapi/page.ts'
import { textOf } from '../jsonapi/query.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { policy } from './json.ts'

export const policies = new Routes('/api/v2')

async function policyById(ctx: Context): Promise<Subject & { policy: Policy }> {
  const id = ctx.params.policy_id!
  const found = looksLikeId(id, 'pol') ? await selectOptionalPolicy(ctx.app.db, id) : null
  if (!found) throw problem('not_found')
  return { policy: found, scope: { organizationId: found.organization_id } }
}

const path = '/organizations/:organization_name/policies'
const organization = { action: 'policy:manage', subject: organizationByName } as const
const single = { action: 'policy:manage', subject: policyById } as const

policies.get(path, organization, async (ctx) => {
  const page = pageOf(ctx)
  const filter = { name: textOf(ctx, 'search[name]'), kind: textOf(ctx, 'filter[kind]') }
  const found = await selectPoliciesOfOrganization(ctx.app.db, ctx.subject.organization.id, filter, page)
  return many(policy, found.rows, ctx, { page, totalCount: found.totalCount })
})

policies.post(path, { ...organization, attributes: PolicyInput, answers: 201 }, async (ctx) => {
  const { app, input, subject } = ctx
  const id = await app.db.transaction((tx) => createPolicy(tx, subject.organization.id, input.attributes))
  return one(policy, (await selectOptionalPolicy(app.db, id))!, ctx)
})

policies.get('/policies/:policy_id', single, (ctx) => one(policy, ctx.subject.policy, ctx))

policies.patch('/policies/:policy_id', { ...single, attributes: PolicyInput }, async (ctx) => {
  await updatePolicy(ctx.app.db, ctx.subject.policy, ctx.input.attributes)
  return one(policy, (await selectOptionalPolicy(ctx.app.db, ctx.subject.policy.id))!, ctx)
})

policies.delete('/policies/:policy_id', single, async (ctx) => {
  await deletePolicy(ctx.app.db, ctx.subject.policy.id)
})

const MAX_POLICY = 1024 * 1024

policies.put('/policies/:policy_id/upload', { ...single, answers: 200 }, async (ctx) => {
  const content = await readBody(ctx.koa.req, MAX_POLICY, `The policy is larger than ${MAX_POLICY} bytes.`)
  await uploadPolicy(ctx.app.db, ctx.subject.policy.id, content.toString('utf8'))
  return one(policy, (await selectOptionalPolicy(ctx.app.db, ctx.subject.policy.id))!, ctx)
})

policies.get('/policies/:policy_id/download', single, async (ctx) => {
  const found = await selectOptionalPolicyContent(ctx.app.db, ctx.subject.policy.id)
  if (found?.content == null) throw problem('not_found', 'The policy has no code yet.')
  ctx.koa.type = 'text/plain'
  ctx.koa.body = found.content
})
