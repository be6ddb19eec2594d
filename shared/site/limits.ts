import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { readSiteSettings } from './settings.ts'

const CountRow = z.object({ count: z.number(), own_limit: z.number().nullable() })

/**
 * Whether one workspace more is allowed: the organization's own limit, else that of the general settings.
 * @throws problem 'forbidden'
 */
export async function requireRoomForWorkspace(app: App, tx: Tx, organizationId: string): Promise<void> {
  const general = await readSiteSettings(app, 'general', tx)
  const siteLimit = general['limit-workspaces-per-organization']
    ? general['default-workspaces-per-organization-ceiling']
    : 0
  const { count, own_limit } = await tx.one(sql.type(CountRow)`
    select (o.admin_settings ->> 'workspace-limit')::int as own_limit,
      (select count(*)::int from workspaces w where w.organization_id = o.id) as count
    from organizations o
    where o.id = ${organizationId}`)
  const limit = own_limit ?? siteLimit
  if (limit > 0 && count >= limit)
    throw problem('forbidden', `The organization has ${count} workspaces and may have ${limit}. Ask a site admin.`)
}

/**
 * Whether the user may make an organization more.
 * @throws problem 'forbidden'
 */
export async function requireRoomForOrganization(app: App, userId: string): Promise<void> {
  const general = await readSiteSettings(app, 'general')
  if (general['limit-user-organization-creation'])
    throw problem('forbidden', 'Only site admins make organizations on this server.')
  if (!general['limit-organizations-per-user']) return
  const { count } = await app.db.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from teams t
    join team_members m on m.team_id = t.id and m.user_id = ${userId}
    join organizations o on o.id = t.organization_id and o.deleted_at is null
    where t.is_owners`)
  const limit = general['default-organizations-per-user-ceiling']
  if (count >= limit) throw problem('forbidden', `You own ${count} organizations and may own ${limit}.`)
}

/** Milliseconds between two readings of the limit in one web process. */
const READ_EVERY_MS = 5000

/** Requests per second as site admins set them; until they do, what the environment says. 0: no limit. */
export function requestLimit(app: App): () => Promise<number> {
  let readAt = 0
  let limit = Promise.resolve(app.config.rateLimit)
  return () => {
    if (app.config.rateLimit === 0) return limit
    const now = Date.now()
    if (now - readAt < READ_EVERY_MS) return limit
    readAt = now
    const before = limit
    limit = readLimit(app).catch(() => before)
    return limit
  }
}

async function readLimit(app: App): Promise<number> {
  const row = await app.db.maybeOne(sql.type(
    z.object({ enabled: z.boolean().nullable(), rate: z.number().nullable() }),
  )`
    select (settings ->> 'api-rate-limiting-enabled')::boolean as enabled, (settings ->> 'api-rate-limit')::int as rate
    from site_settings
    where name = 'general'`)
  if (!row) return app.config.rateLimit
  return row.enabled === false ? 0 : (row.rate ?? app.config.rateLimit)
}
