import { createHash } from 'node:crypto'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { Actor } from '../access/actor.ts'
import { recallOf } from '../access/recall.ts'
import type { App } from '../app.ts'
import { organizationsThatRefuse } from './ttl-policies.ts'

/** Tokens are kept as SHA-256: they are 160 random bits and more, so a slow hash would protect nothing. */
export const hashToken = (token: string): Buffer => createHash('sha256').update(token).digest()

const TokenRow = z.object({
  id: z.string(),
  kind: z.enum(['user', 'team', 'organization', 'audit-trail', 'agent', 'phase']),
  user_id: z.string().nullable(),
  username: z.string().nullable(),
  is_site_admin: z.boolean().nullable(),
  team_id: z.string().nullable(),
  organization_id: z.string().nullable(),
  agent_pool_id: z.string().nullable(),
  phase_id: z.string().nullable(),
  phase: z.enum(['plan', 'apply']).nullable(),
  run_id: z.string().nullable(),
  workspace_id: z.string().nullable(),
  /** it may be kept for a moment */
  lasts: z.boolean(),
  used_lately: z.boolean(),
  refused_by: z.array(z.string()),
})

/** The actor behind a bearer token; null when it is unknown, expired, or its owner is gone. */
export async function authenticate(app: App, token: string): Promise<Actor | null> {
  if (token.length < 8 || token.length > 400) return null
  const hash = hashToken(token)
  const key = `token ${hash.toString('base64')}`
  const known = await recallOf(app.db).get(
    key,
    () => readToken(app, hash),
    ({ lasts }) => lasts,
  )
  return known?.actor ?? null
}

interface KnownToken {
  actor: Actor
  lasts: boolean
}

async function readToken(app: App, hash: Buffer): Promise<KnownToken | null> {
  const row = await app.db.maybeOne(sql.type(TokenRow)`
    select t.id, t.kind, t.user_id, u.username, u.is_site_admin, t.team_id,
      coalesce(t.organization_id, team.organization_id, r.organization_id) as organization_id,
      t.agent_pool_id, t.phase_id, p.kind as phase, p.run_id, r.workspace_id,
      t.kind <> 'phase' and coalesce(t.expired_at > now() + interval '1 second', true) as lasts,
      coalesce(t.last_used_at > now() - interval '1 minute', false) as used_lately,
      ${organizationsThatRefuse} as refused_by
    from tokens t
    left join users u on u.id = t.user_id
    left join teams team on team.id = t.team_id
    left join phases p on p.id = t.phase_id
    left join runs r on r.id = p.run_id
    where t.token_hash = ${sql.binary(hash)}
      and (t.expired_at is null or t.expired_at > now())
      and (u.id is null or u.suspended_at is null)
      and not exists (
        select 1
        from organizations o
        where o.id in (t.organization_id, team.organization_id) and o.is_disabled)
      and (t.kind <> 'phase' or p.status = 'running')`)
  if (!row) return null
  if (!row.used_lately) {
    await app.db.query(sql.void`update tokens set last_used_at = now() where id = ${row.id}`)
  }
  return { actor: actorOf(row), lasts: row.lasts }
}

function actorOf(row: z.output<typeof TokenRow>): Actor {
  switch (row.kind) {
    case 'user':
      return {
        kind: 'user',
        userId: row.user_id!,
        username: row.username!,
        isSiteAdmin: row.is_site_admin!,
        tokenId: row.id,
        ...(row.refused_by.length > 0 && { refusedBy: row.refused_by }),
      }
    case 'team':
      return { kind: 'team', teamId: row.team_id!, organizationId: row.organization_id!, tokenId: row.id }
    case 'organization':
    case 'audit-trail':
      return { kind: row.kind, organizationId: row.organization_id!, tokenId: row.id }
    case 'agent':
      return { kind: 'agent', agentPoolId: row.agent_pool_id!, organizationId: row.organization_id!, tokenId: row.id }
    case 'phase':
      return {
        kind: 'phase',
        phaseId: row.phase_id!,
        phase: row.phase!,
        runId: row.run_id!,
        workspaceId: row.workspace_id!,
        organizationId: row.organization_id!,
        tokenId: row.id,
      }
  }
}
