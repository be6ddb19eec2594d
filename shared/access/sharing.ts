import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { Action } from '../permissions.ts'
import type { Actor } from './actor.ts'

const settings: Partial<Record<Action, string>> = {
  'registry:read-modules': 'global-module-sharing',
  'registry:read-providers': 'global-provider-sharing',
}

/** Whether site admins share the organization's modules or providers with one of the caller's organizations. */
export async function sharesRegistry(tx: Tx, actor: Actor, action: Action, organizationId: string): Promise<boolean> {
  const setting = settings[action]
  if (!setting) return false
  const ofCaller =
    actor.kind === 'user'
      ? sql.fragment`(
          select m.organization_id
          from organization_memberships m
          where m.user_id = ${actor.userId} and m.status = 'active')`
      : sql.fragment`(${'organizationId' in actor ? actor.organizationId : null})`
  const shared = await tx.maybeOne(sql.type(z.object({ one: z.number() }))`
    select 1 as one
    from organizations o
    where o.id = ${organizationId}
      and (((o.admin_settings ->> ${setting})::boolean
          and exists (select 1 from organizations x where x.id in ${ofCaller}))
        or (${action === 'registry:read-modules'} and exists (
          select 1
          from module_consumers c
          where c.organization_id = o.id and c.consumer_id in ${ofCaller})))`)
  return shared !== null
}
