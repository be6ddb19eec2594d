import { invalid, problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import {
  createPolicy,
  deletePolicy,
  type Policy,
  selectOptionalPolicy,
  selectOptionalPolicyContent,
  selectPoliciesOfOrganization,
  updatePolicy,
  uploadPolicy,
} from '../../shared/policies/policies.ts'
import { selectPolicySetsOfOrganization } from '../../shared/policies/sets.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'

/** Policies of an organization, and the list of their sets. One set: set-page.ts. */
export const policyPages = new PageRoutes()

const path = '/app/:organization_name/settings/policies'
const one = `${path}/:policy_id`
const options = { action: 'policy:manage', subject: organizationByName } as const
export type PolicyContext = PageContext & { subject: OrganizationSubject }

/** Sets are few: an organization that has more looks at them by the API. */
const SETS = { size: 200, offset: 0 }
const any = { name: undefined, kind: undefined }

export const policiesHref = ({ subject }: PolicyContext, id = '') =>
  `/app/${subject.organization.name}/settings/policies${id && `/${id}`}`

policyPages.get(path, options, async (ctx) => {
  const { db } = ctx.app
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectPoliciesOfOrganization(db, organization.id, any, page)
  const sets = await selectPolicySetsOfOrganization(db, organization.id, any, SETS)
  await ctx.render('policies/list', {
    organization,
    policies: rows,
    totalCount,
    page,
    sets: sets.rows,
    setCount: sets.totalCount,
  })
})

async function policyOfPath(ctx: PolicyContext): Promise<Policy> {
  const id = ctx.params.policy_id!
  const policy = looksLikeId(id, 'pol') ? await selectOptionalPolicy(ctx.app.db, id) : null
  if (policy?.organization_id !== ctx.subject.organization.id) throw problem('not_found')
  return policy
}

const example = `package terraform.policies

import rego.v1

deny contains msg if {
  some change in input.plan.resource_changes
  "delete" in change.change.actions
  msg := sprintf("%s would be destroyed", [change.address])
}
`

const draw = (ctx: PolicyContext, policy: Policy | null, more: Record<string, unknown> = {}) =>
  ctx.render('policies/edit', {
    organization: ctx.subject.organization,
    policy,
    listPath: policiesHref(ctx),
    values: {
      name: policy?.name ?? '',
      description: policy?.description ?? '',
      query: policy?.query ?? 'data.terraform.policies.deny',
      level: policy?.enforcement_level ?? 'advisory',
      code: example,
    },
    levels:
      policy?.kind === 'sentinel'
        ? [
            ['advisory', 'Warn (advisory)'],
            ['soft-mandatory', 'Stop, can be overridden (soft-mandatory)'],
            ['hard-mandatory', 'Stop (hard-mandatory)'],
          ]
        : [
            ['advisory', 'Warn (advisory)'],
            ['mandatory', 'Stop the run (mandatory)'],
          ],
    error: null,
    ...more,
  })

function filled({ form }: PolicyContext) {
  return {
    name: form.line('name'),
    description: form.text('description').trim(),
    query: form.line('query'),
    level: form.line('level'),
    code: form.text('code'),
  }
}
const levels = ['advisory', 'mandatory', 'soft-mandatory', 'hard-mandatory'] as const

/** @throws problem 'invalid_attribute' */
function inputOf(values: ReturnType<typeof filled>) {
  if (values.name.length > 90) throw invalid('name', 'A name has at most 90 characters.')
  if (values.description.length > 5000) throw invalid('description', 'A description has at most 5,000 characters.')
  if (values.query.length > 1000) throw invalid('query', 'A query has at most 1,000 characters.')
  const level = levels.find((l) => l === values.level)
  if (!level) throw invalid('level', 'Choose what a failure means.')
  if (values.code.trim() === '') throw invalid('code', 'A policy without code checks nothing.')
  return { description: values.description, query: values.query, 'enforcement-level': level }
}

policyPages.get(`${path}/new`, options, (ctx) => draw(ctx, null))

policyPages.post(`${path}/new`, options, async (ctx) => {
  const { app, subject } = ctx
  const values = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const input = { ...inputOf(values), name: values.name, kind: 'opa' as const }
      await app.db.transaction(async (tx) => {
        const id = await createPolicy(tx, subject.organization.id, input)
        await uploadPolicy(tx, id, values.code)
      })
      ctx.redirect(policiesHref(ctx), {
        tone: 'green',
        text: `Made ${values.name}. It applies where a policy set holds it.`,
      })
    },
    (error) => draw(ctx, null, { values, error }),
  )
})

policyPages.get(one, options, async (ctx) => {
  const policy = await policyOfPath(ctx)
  const code = (await selectOptionalPolicyContent(ctx.app.db, policy.id))?.content ?? ''
  const { name, description, query, enforcement_level: level } = policy
  await draw(ctx, policy, { values: { name, description, query: query ?? '', level, code } })
})

policyPages.post(one, options, async (ctx) => {
  const before = await policyOfPath(ctx)
  const values = filled(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const input = inputOf(values)
      await ctx.app.db.transaction(async (tx) => {
        await updatePolicy(tx, before, input)
        await uploadPolicy(tx, before.id, values.code)
      })
      ctx.redirect(policiesHref(ctx), { tone: 'green', text: 'Saved. Plans that end later are checked so.' })
    },
    (error) => draw(ctx, before, { values: { ...values, name: before.name }, error }),
  )
})

policyPages.post(`${one}/delete`, options, async (ctx) => {
  const policy = await policyOfPath(ctx)
  await deletePolicy(ctx.app.db, policy.id)
  ctx.redirect(policiesHref(ctx), { tone: 'green', text: `Deleted ${policy.name}. No run is checked by it any more.` })
})
