// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/audit-trails
import { type Entry, selectEntries } from '../../shared/audit/entries.ts'
import { problem } from '../../shared/errors.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'

export const auditTrail = new Routes('/api/v2')

/** The path names no organization: the token does. */
async function organizationOfToken({ actor }: Context): Promise<Subject> {
  if (actor.kind !== 'audit-trail' && actor.kind !== 'organization') throw problem('not_found')
  return { scope: { organizationId: actor.organizationId } }
}

auditTrail.get('/organization/audit-trail', { action: 'audit:read', subject: organizationOfToken }, async (ctx) => {
  const page = pageOf(ctx)
  const rows = await selectEntries(ctx.app.db, ctx.subject.scope.organizationId!, sinceOf(ctx), page)
  const total = rows[0]?.total_count ?? 0
  const pages = Math.max(1, Math.ceil(total / page.size))
  return {
    data: rows.map(event),
    pagination: {
      current_page: page.number,
      prev_page: page.number > 1 ? page.number - 1 : null,
      next_page: page.number < pages ? page.number + 1 : null,
      total_pages: pages,
      total_count: total,
    },
  }
})

/** @throws problem 'bad_request' for what is no time */
function sinceOf(ctx: Context): Date | null {
  const text = [ctx.query.since ?? ''].flat()[0]!
  if (text === '') return null
  const since = new Date(text)
  if (Number.isNaN(since.getTime())) throw problem('bad_request', 'since is not a time such as 2026-01-31T12:00:00Z.')
  return since
}

const words: Record<string, string> = { user: 'Client', team: 'Team', organization: 'Organization' }

const event = (entry: Entry) => ({
  id: entry.id,
  version: '0',
  type: 'Resource',
  timestamp: entry.at.toISOString(),
  auth: {
    accessor_id: entry.actor_id,
    description: entry.actor_name,
    type: words[entry.actor_type] ?? entry.actor_type,
    impersonator_id: null,
    organization_id: entry.organization_id,
    token_id: entry.token_id,
    address: entry.address,
  },
  request: { id: entry.request_id },
  resource: {
    id: entry.object_id,
    type: entry.object_type,
    action: entry.action,
    meta: { before: entry.before ?? null, after: entry.after ?? null },
  },
})
