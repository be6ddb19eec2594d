// Source: shared/api/surface.tsv (organizations), https://developer.hashicorp.com/terraform/cloud-docs/api-docs/organizations
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import { invalid, problem } from '../../shared/errors.ts'
import {
  createOrganization,
  deleteOrganization,
  OrganizationSettings,
  updateOrganization,
} from '../../shared/organizations/organizations.ts'
import { selectOrganizationsPage } from '../../shared/organizations/queries.ts'
import { dispatchHeldBack } from '../../shared/runs/dispatch.ts'
import { requireRoomForOrganization } from '../../shared/site/limits.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { entitlementSet, organization } from './json.ts'

export const organizations = new Routes('/api/v2')

const Email = z.string().regex(/^[^@\s]+@[^@\s]+$/, 'is not an e-mail address')

const settings = Object.fromEntries(
  Object.entries(OrganizationSettings.shape).map(([name, schema]) => [name, schema.unwrap().optional()]),
) as {
  [K in keyof typeof OrganizationSettings.shape]: z.ZodOptional<
    ReturnType<(typeof OrganizationSettings.shape)[K]['unwrap']>
  >
}

const Create = z.object({ ...settings, name: z.string('is required'), email: Email })
const Update = z.object({ ...settings, name: z.string().optional(), email: Email.optional() })

const settingsOf = (attributes: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(attributes).filter(([k, v]) => k in OrganizationSettings.shape && v !== undefined))

const q = (ctx: Context): string | null => (typeof ctx.query.q === 'string' && ctx.query.q !== '' ? ctx.query.q : null)

organizations.get('/organizations', { action: 'organization:list' }, async (ctx) => {
  const { actor, app, access } = ctx
  const page = pageOf(ctx)
  const filter = {
    userId: actor.kind === 'user' && !access.isSiteAdmin ? actor.userId : null,
    organizationId: 'organizationId' in actor ? actor.organizationId : null,
    q: q(ctx),
  }
  const { rows, totalCount } = await selectOrganizationsPage(app.db, filter, page)
  return many(organization, rows, ctx, { page, totalCount })
})

organizations.post(
  '/organizations',
  { action: 'organization:create', attributes: Create, answers: 201 },
  async (ctx) => {
    const { app, actor, input } = ctx
    if (actor.kind !== 'user') throw problem('not_found')
    const { name, email } = input.attributes
    if (name === '') throw invalid('name', "Name can't be blank")
    if (!ctx.access.isSiteAdmin) await requireRoomForOrganization(app, actor.userId)
    const created = await app.db.transaction((tx) =>
      createOrganization(tx, { name, email, settings: settingsOf(input.attributes), ownerId: userIdOf(actor) }),
    )
    return one(organization, created, ctx)
  },
)

organizations.get(
  '/organizations/:organization_name',
  { action: 'organization:read', subject: organizationByName },
  (ctx) => one(organization, ctx.subject.organization, ctx),
)

organizations.patch(
  '/organizations/:organization_name',
  { action: 'organization:update', subject: organizationByName, attributes: Update },
  async (ctx) => {
    const { app, input, subject } = ctx
    const change = settingsOf(input.attributes)
    const pool = input.relatedId('default-agent-pool')
    if (pool !== undefined) change['default-agent-pool-id'] = pool
    const updated = await app.db.transaction(async (tx) => {
      const organization = await updateOrganization(tx, subject.organization, {
        name: input.attributes.name,
        email: input.attributes.email,
        settings: change,
      })
      // a higher limit takes effect at once
      if ('concurrent-run-limit' in change) await dispatchHeldBack(app, tx, organization.id, { wait: true })
      return organization
    })
    return one(organization, updated, ctx)
  },
)

organizations.delete(
  '/organizations/:organization_name',
  { action: 'organization:delete', subject: organizationByName },
  (ctx) => deleteOrganization(ctx.app, ctx.subject.organization),
)

organizations.get(
  '/organizations/:organization_name/entitlement-set',
  { action: 'organization:read', subject: organizationByName },
  (ctx) => one(entitlementSet, ctx.subject.organization, ctx),
)
