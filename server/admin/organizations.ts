// Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/organizations
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import { deleteOrganization } from '../../shared/organizations/organizations.ts'
import {
  type AdminOrganization,
  AdminOrganizationInput,
  replaceModuleConsumers,
  selectAdminOrganization,
  selectAdminOrganizationsPage,
  selectOwners,
  updateAdminOrganization,
} from '../../shared/site/organizations.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource, toMany } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { textOf } from '../jsonapi/query.ts'
import { Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { user } from '../users/json.ts'

export const adminOrganizations = new Routes('/api/v2/admin')

const organization = defineResource<AdminOrganization>({
  type: 'organizations',
  id: (o) => o.name,
  attributes(o) {
    const s = o.admin_settings
    return {
      name: o.name,
      'external-id': o.id,
      'access-beta-tools': s['access-beta-tools'] ?? false,
      'global-module-sharing': s['global-module-sharing'] ?? false,
      'global-provider-sharing': s['global-provider-sharing'] ?? false,
      'is-disabled': o.is_disabled,
      'notification-email': o.email,
      'sso-enabled': false,
      'apply-timeout': s['apply-timeout'] ?? null,
      'plan-timeout': s['plan-timeout'] ?? null,
      'terraform-build-worker-apply-timeout': s['apply-timeout'] ?? null,
      'terraform-build-worker-plan-timeout': s['plan-timeout'] ?? null,
      'terraform-worker-sudo-enabled': s['terraform-worker-sudo-enabled'] ?? false,
      'workspace-limit': s['workspace-limit'] ?? null,
    }
  },
  relationships: (o) => ({
    owners: toMany('users', o.owner_ids),
    'module-consumers': {
      links: { related: `/api/v2/admin/organizations/${o.name}/relationships/module-consumers` },
    },
  }),
  links: (o) => ({ self: `/api/v2/admin/organizations/${o.name}` }),
  includes: {
    owners: async (rows, { app }) => ({
      resource: user,
      rows: await selectOwners(
        app.db,
        rows.flatMap((o) => o.owner_ids),
      ),
    }),
  },
})

const byName = '/organizations/:organization_name'
const site = { action: 'site:admin', subject: organizationByName } as const

adminOrganizations.get('/organizations', { action: 'site:admin' }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectAdminOrganizationsPage(ctx.app.db, { q: textOf(ctx, 'q') }, page)
  return many(organization, rows, ctx, { page, totalCount })
})

adminOrganizations.get(byName, site, async (ctx) =>
  one(organization, await selectAdminOrganization(ctx.app.db, ctx.subject.organization.id), ctx),
)

adminOrganizations.patch(byName, { ...site, attributes: AdminOrganizationInput }, async (ctx) => {
  const { id } = ctx.subject.organization
  await updateAdminOrganization(ctx.app.db, id, ctx.input.attributes)
  return one(organization, await selectAdminOrganization(ctx.app.db, id), ctx)
})

adminOrganizations.delete(byName, site, (ctx) => deleteOrganization(ctx.app, ctx.subject.organization))

const consumers = `${byName}/relationships/module-consumers`

adminOrganizations.get(consumers, site, async (ctx) => {
  const page = pageOf(ctx)
  const filter = { q: undefined, consumersOf: ctx.subject.organization.id }
  const { rows, totalCount } = await selectAdminOrganizationsPage(ctx.app.db, filter, page)
  return many(organization, rows, ctx, { page, totalCount })
})

const Consumers = z.array(z.object({ id: z.string() })).max(1000)

adminOrganizations.patch(consumers, { ...site, plainBody: true, answers: 204 }, async (ctx) => {
  const parsed = Consumers.safeParse(ctx.input.data)
  if (!parsed.success) throw problem('bad_request', 'A list of at most 1000 organizations with their ids is expected.')
  const names = parsed.data.map((o) => o.id)
  await ctx.app.db.transaction((tx) => replaceModuleConsumers(tx, ctx.subject.organization.id, names))
})
