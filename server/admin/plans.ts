// Feature sets and subscriptions are how the hosted service sells features. Here one set holds all there is.
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'
import { Routes } from '../route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'

export const adminPlans = new Routes('/api/v2/admin')

const everything = { id: 'fs-everything', name: 'Self-hosted', identifier: 'self_hosted' }

const featureSet = defineResource<typeof everything>({
  type: 'feature-sets',
  id: (f) => f.id,
  attributes: ({ name, identifier }) => ({ name, identifier, 'is-current': true, 'is-free-tier': false }),
})

/** Whatever plan is looked for, it is this one. */
const list = { action: 'site:admin' } as const
adminPlans.get('/feature-sets', list, (ctx) => many(featureSet, [everything], ctx))

const subscription = defineResource<OrganizationSubject['organization']>({
  type: 'subscriptions',
  id: (o) => `sub-${o.id.replace(/^org-/, '')}`,
  attributes: () => ({ 'is-active': true, 'end-at': null }),
  relationships: (o) => ({
    organization: toOne('organizations', o.name),
    'feature-set': toOne('feature-sets', everything.id),
  }),
})

/** An organization has the one set already; a request for it changes nothing and is true. Dates and ceilings are the seller's. */
adminPlans.post(
  '/organizations/:organization_name/subscription',
  { action: 'site:admin', subject: organizationByName, attributes: z.record(z.string(), z.unknown()) },
  (ctx) => {
    if (ctx.input.relatedId('feature-set') !== everything.id)
      throw problem('invalid_attribute', { detail: 'The feature set does not exist', pointer: '/data/relationships' })
    return one(subscription, ctx.subject.organization, ctx)
  },
)
