// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/policy-sets
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { addMembers, memberNames, removeMembers } from '../../shared/policies/members.ts'
import {
  createPolicySet,
  deletePolicySet,
  type PolicySet,
  PolicySetInput,
  selectOptionalPolicySet,
  selectPolicySetsOfOrganization,
  updatePolicySet,
} from '../../shared/policies/sets.ts'
import {
  countVersionsOfSet,
  createPolicySetVersion,
  type PolicySetVersion,
  selectOptionalPolicySetVersion,
  selectVersionsOfSet,
} from '../../shared/policies/versions.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { textOf } from '../jsonapi/query.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { policySet, policySetVersion } from './json.ts'

export const policySets = new Routes('/api/v2')

export interface PolicySetSubject extends Subject {
  set: PolicySet
}

export async function policySetById(ctx: Context): Promise<PolicySetSubject> {
  const id = ctx.params.policy_set_id!
  const set = looksLikeId(id, 'polset') ? await selectOptionalPolicySet(ctx.app.db, id) : null
  if (!set) throw problem('not_found')
  return { set, scope: { organizationId: set.organization_id } }
}

const show = async (ctx: Context, id: string) => one(policySet, (await selectOptionalPolicySet(ctx.app.db, id))!, ctx)

const path = '/organizations/:organization_name/policy-sets'
const organization = { action: 'policy:manage', subject: organizationByName } as const
const single = { action: 'policy:manage', subject: policySetById } as const

policySets.get(path, organization, async (ctx) => {
  const page = pageOf(ctx)
  const filter = { name: textOf(ctx, 'search[name]'), kind: textOf(ctx, 'filter[kind]') }
  const found = await selectPolicySetsOfOrganization(ctx.app.db, ctx.subject.organization.id, filter, page)
  return many(policySet, found.rows, ctx, { page, totalCount: found.totalCount })
})

policySets.post(path, { ...organization, attributes: PolicySetInput, answers: 201 }, async (ctx) => {
  const { app, input } = ctx
  const organizationId = ctx.subject.organization.id
  const id = await app.db.transaction(async (tx) => {
    const id = await createPolicySet(tx, organizationId, input.attributes)
    const set = { id, organization_id: organizationId, kind: input.attributes.kind ?? 'sentinel' }
    for (const member of memberNames)
      await addMembers(
        tx,
        set,
        member,
        (input.relatedList(member) ?? []).flatMap((item) => item.id ?? []).slice(0, 1000),
      )
    return id
  })
  return show(ctx, id)
})

policySets.get('/policy-sets/:policy_set_id', single, (ctx) => one(policySet, ctx.subject.set, ctx))

policySets.patch('/policy-sets/:policy_set_id', { ...single, attributes: PolicySetInput }, async (ctx) => {
  await updatePolicySet(ctx.app.db, ctx.subject.set, ctx.input.attributes)
  return show(ctx, ctx.subject.set.id)
})

policySets.delete('/policy-sets/:policy_set_id', single, async (ctx) => {
  await deletePolicySet(ctx.app.db, ctx.subject.set.id)
})

const Ids = z
  .array(z.object({ id: z.string() }))
  .min(1)
  .max(1000)

for (const member of memberNames) {
  const options = { ...single, plainBody: true, answers: 204 } as const
  const idsOf = (data: unknown): string[] => {
    const parsed = Ids.safeParse(data)
    if (!parsed.success) throw problem('bad_request', `A list of at most 1000 ${member} with their ids is expected.`)
    return parsed.data.map((item) => item.id)
  }
  policySets.post(`/policy-sets/:policy_set_id/relationships/${member}`, options, async (ctx) => {
    const ids = idsOf(ctx.input.data)
    await ctx.app.db.transaction((tx) => addMembers(tx, ctx.subject.set, member, ids))
  })
  policySets.delete(`/policy-sets/:policy_set_id/relationships/${member}`, options, async (ctx) => {
    await removeMembers(ctx.app.db, ctx.subject.set.id, member, idsOf(ctx.input.data))
  })
}

const versions = '/policy-sets/:policy_set_id/versions'

policySets.get(versions, single, async (ctx) => {
  const page = pageOf(ctx)
  const rows = await selectVersionsOfSet(ctx.app.db, ctx.subject.set.id, page)
  return many(policySetVersion, rows, ctx, {
    page,
    totalCount: await countVersionsOfSet(ctx.app.db, ctx.subject.set.id),
  })
})

policySets.post(versions, { ...single, answers: 201 }, async (ctx) => {
  const id = await createPolicySetVersion(ctx.app, ctx.app.db, ctx.subject.set.id)
  return one(policySetVersion, (await selectOptionalPolicySetVersion(ctx.app.db, id))!, ctx)
})

async function versionById(ctx: Context): Promise<Subject & { version: PolicySetVersion }> {
  const id = ctx.params.policy_set_version_id!
  const version = looksLikeId(id, 'polsetver') ? await selectOptionalPolicySetVersion(ctx.app.db, id) : null
  if (!version) throw problem('not_found')
  return { version, scope: { organizationId: version.organization_id } }
}

policySets.get(
  '/policy-set-versions/:policy_set_version_id',
  { action: 'policy:manage', subject: versionById },
  (ctx) => one(policySetVersion, ctx.subject.version, ctx),
)
