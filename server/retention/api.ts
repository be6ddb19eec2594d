// Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/data-retention-policies
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import type { Action } from '../../shared/permissions.ts'
import {
  deleteRetentionPolicy,
  type RetentionOwner,
  selectOptionalRetentionPolicy,
  setRetentionPolicy,
} from '../../shared/retention/policies.ts'
import { one } from '../jsonapi/answer.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName, workspaceById } from '../subjects.ts'
import { dontDelete, retentionResource } from './json.ts'

export const retentionPolicies = new Routes('/api/v2')

type Owned = Subject & { owner: RetentionOwner }

const ofOrganization = async (ctx: Context): Promise<Owned> => {
  const { organization, scope } = await organizationByName(ctx)
  return { scope, owner: { organizationId: organization.id } }
}
const ofWorkspace = async (ctx: Context): Promise<Owned> => {
  const { workspace, scope } = await workspaceById(ctx)
  return { scope, owner: { workspaceId: workspace.id } }
}

const Attributes = z.object({ 'delete-older-than-n-days': z.number().int().min(1).max(36_500).optional() })

for (const [path, subject, read, manage] of [
  ['/organizations/:organization_name', ofOrganization, 'organization:read', 'organization:update'],
  ['/workspaces/:workspace_id', ofWorkspace, 'workspace:read', 'workspace:update'],
] as const satisfies [string, (ctx: Context) => Promise<Owned>, Action, Action][]) {
  const policy = `${path}/relationships/data-retention-policy`

  retentionPolicies.get(policy, { action: read, subject }, async (ctx) => {
    const found = await selectOptionalRetentionPolicy(ctx.app.db, ctx.subject.owner)
    if (!found) throw problem('not_found')
    return one(retentionResource(found), found, ctx)
  })

  for (const method of ['post', 'patch'] as const) {
    retentionPolicies[method](policy, { action: manage, subject, attributes: Attributes }, async (ctx) => {
      const { input, app } = ctx
      const isEndless = (input.data as { type?: unknown } | undefined)?.type === dontDelete.type
      const days = input.attributes['delete-older-than-n-days']
      if (!isEndless && days === undefined)
        throw invalid('delete-older-than-n-days', 'Delete older than n days is required')
      const set = await setRetentionPolicy(app.db, ctx.subject.owner, isEndless ? null : days!)
      return one(retentionResource(set), set, ctx)
    })
  }

  retentionPolicies.delete(policy, { action: manage, subject }, async (ctx) => {
    await deleteRetentionPolicy(ctx.app.db, ctx.subject.owner)
  })
}
