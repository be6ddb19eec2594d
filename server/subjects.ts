import { problem } from '../shared/errors.ts'
import { type Organization, selectOptionalOrganizationByName } from '../shared/organizations/queries.ts'
import type { Context, Subject } from './route.ts'

/** Loaders of what a path names. Each answers the row with its scope, or throws 'not_found'. */

export interface OrganizationSubject extends Subject {
  organization: Organization
}

export async function organizationByName(ctx: Context): Promise<OrganizationSubject> {
  const organization = await selectOptionalOrganizationByName(ctx.app.db, ctx.params.organization_name!)
  if (!organization) throw problem('not_found')
  return { organization, scope: { organizationId: organization.id } }
}
