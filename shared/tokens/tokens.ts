import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId, randomText } from '../ids.ts'
import { hashToken } from './authenticate.ts'

export interface NewToken {
  kind: 'user' | 'team' | 'organization' | 'audit-trail' | 'agent' | 'phase'
  userId?: string
  teamId?: string
  organizationId?: string
  agentPoolId?: string
  phaseId?: string
  description?: string
  isLegacy?: boolean
  createdBy?: string | null
  expiredAt?: Date | null
}

/** Makes a token. The text is in the answer and nowhere else. */
export async function insertToken(tx: Tx, t: NewToken): Promise<{ id: string; token: string }> {
  // the form that HCP's tokens have: 14 characters, a marker, 67 characters
  const token = `${randomText(14)}.atlasv1.${randomText(67)}`
  const id = newId('at')
  await insertKnownToken(tx, id, token, t)
  return { id, token }
}

/** Stores a token whose text somebody else chose (the site token). */
export const insertKnownToken = (tx: Tx, id: string, token: string, t: NewToken) =>
  tx.query(sql.void`
    insert into tokens (id, kind, token_hash, user_id, team_id, organization_id, agent_pool_id, phase_id, description, is_legacy, created_by, expired_at)
    values (${id}, ${t.kind}, ${sql.binary(hashToken(token))}, ${t.userId ?? null}, ${t.teamId ?? null}, ${t.organizationId ?? null},
      ${t.agentPoolId ?? null}, ${t.phaseId ?? null}, ${t.description ?? ''}, ${t.isLegacy ?? false}, ${t.createdBy ?? null},
      ${t.expiredAt?.toISOString() ?? null}::timestamptz)`)
