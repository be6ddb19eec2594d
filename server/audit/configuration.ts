// Source: shared/api/surface.tsv (audit-configuration), go-tfe organization_audit_configuration.go
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Organization } from '../../shared/organizations/queries.ts'
import { one } from '../jsonapi/answer.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'
import { Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'

export const auditConfiguration = new Routes('/api/v2')

/** The log of an organization is always kept: nothing here can be switched. */
const configuration = defineResource<Organization>({
  type: 'audit-configurations',
  id: (o) => `ac-${o.id.replace(/^org-/, '')}`,
  attributes: (o) => ({
    'audit-trails': { enabled: true },
    'hcp-audit-log-streaming': { enabled: false, 'organization-id': '', 'use-default-organization': false },
    permissions: {
      'can-enable-hcp-audit-log-streaming': false,
      'can-set-hcp-audit-log-streaming-organization-id': false,
      'can-use-default-audit-log-streaming-organization': false,
    },
    timestamps: { 'audit-trails-enabled-at': o.created_at },
    'updated-at': o.created_at,
  }),
  relationships: (o) => ({ organization: toOne('organizations', o.name) }),
})

const path = '/organizations/:organization_name/audit-configuration'
const owned = { action: 'audit:read', subject: organizationByName } as const

auditConfiguration.get(path, owned, (ctx) => one(configuration, ctx.subject.organization, ctx))

const Change = z.object({
  'audit-trails': z
    .object({ enabled: z.literal(true, 'cannot be switched off: every changing call is recorded').optional() })
    .optional(),
  'hcp-audit-log-streaming': z
    .object({ enabled: z.literal(false, 'cannot be switched on: this server has no HCP organization').optional() })
    .optional(),
})

auditConfiguration.patch(path, { ...owned, attributes: Change }, (ctx) =>
  one(configuration, ctx.subject.organization, ctx),
)

/** The call is a changing one, so it leaves an entry itself, and that carries the id. */
auditConfiguration.post(`${path}/test`, owned, async (ctx) => {
  const id = randomUUID()
  ctx.koa.req.headers['x-request-id'] = id
  return { 'request-id': id }
})
