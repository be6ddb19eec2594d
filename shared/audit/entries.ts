import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { Actor } from '../access/actor.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'

/** One change that somebody made. `before` and `after` are masked already. */
export interface NewEntry {
  organizationId: string | null
  actor: Actor
  address: string
  /** create, update, destroy, or the word of the action: lock, apply … */
  action: string
  objectType: string
  objectId: string | null
  requestId: string
  before?: unknown
  after?: unknown
}

/** Who an actor is in the log. */
function actorColumns(actor: Actor): { id: string | null; name: string; tokenId: string | null } {
  switch (actor.kind) {
    case 'user':
      return { id: actor.userId, name: actor.username, tokenId: actor.tokenId }
    case 'team':
      return { id: actor.teamId, name: '', tokenId: actor.tokenId }
    case 'organization':
    case 'audit-trail':
      return { id: actor.organizationId, name: '', tokenId: actor.tokenId }
    case 'agent':
      return { id: actor.agentPoolId, name: '', tokenId: actor.tokenId }
    case 'phase':
      return { id: actor.phaseId, name: '', tokenId: actor.tokenId }
    case 'anonymous':
      return { id: null, name: '', tokenId: null }
  }
}

/** Writes one entry; with TOFUTF_AUDIT_LOG=stdout also as one line of JSON. */
export async function recordEntry(app: App, entry: NewEntry): Promise<void> {
  const id = newId('ae')
  const actor = actorColumns(entry.actor)
  const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value))
  await app.db.query(sql.void`
    insert into audit_entries (id, organization_id, actor_type, actor_id, actor_name, token_id, address, action,
      object_type, object_id, request_id, before, after)
    values (${id}, ${entry.organizationId}, ${entry.actor.kind}, ${actor.id}, ${actor.name}, ${actor.tokenId},
      ${entry.address}, ${entry.action}, ${entry.objectType}, ${entry.objectId}, ${entry.requestId},
      ${json(entry.before)}::jsonb, ${json(entry.after)}::jsonb)`)
  if (app.config.auditLog !== 'stdout') return
  const { actor: who, ...what } = entry
  const line = { audit: id, at: app.now().toISOString(), actorType: who.kind, actor, ...what }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const EntryRow = z.object({
  id: z.string(),
  at: z.date(),
  organization_id: z.string().nullable(),
  organization_name: z.string().nullable(),
  actor_type: z.string(),
  actor_id: z.string().nullable(),
  actor_name: z.string(),
  token_id: z.string().nullable(),
  address: z.string(),
  action: z.string(),
  object_type: z.string(),
  object_id: z.string().nullable(),
  request_id: z.string().nullable(),
  before: z.unknown(),
  after: z.unknown(),
  total_count: z.number(),
})
export type Entry = z.output<typeof EntryRow>

/** Newest first. `since`: only entries of that time and later. */
export const selectEntries = (
  tx: Tx,
  organizationId: string,
  since: Date | null,
  page: { size: number; offset: number },
) =>
  tx.any(sql.type(EntryRow)`
    select e.id, e.at, e.organization_id, o.name as organization_name, e.actor_type, e.actor_id, e.actor_name,
      e.token_id, e.address, e.action, e.object_type, e.object_id, e.request_id, e.before, e.after,
      count(*) over ()::int as total_count
    from audit_entries e
    left join organizations o on o.id = e.organization_id
    where e.organization_id = ${organizationId}
      and (${since?.toISOString() ?? null}::timestamptz is null or e.at >= ${since?.toISOString() ?? null}::timestamptz)
    order by e.at desc, e.id
    limit ${page.size} offset ${page.offset}`)
