import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
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
      ${t.expiredAt?.toISOString() ?? null}::timestamptz)
    -- the same statement again, after an answer that was lost
    on conflict (id) do nothing`)

const TokenRow = z.object({
  id: z.string(),
  kind: z.enum(['user', 'team', 'organization', 'audit-trail', 'agent', 'phase']),
  user_id: z.string().nullable(),
  team_id: z.string().nullable(),
  organization_id: z.string().nullable(),
  organization_name: z.string().nullable(),
  agent_pool_id: z.string().nullable(),
  description: z.string(),
  is_legacy: z.boolean(),
  created_by: z.string().nullable(),
  created_at: z.date(),
  last_used_at: z.date().nullable(),
  expired_at: z.date().nullable(),
})
export type Token = z.output<typeof TokenRow>

const columns = sql.fragment`
  t.id, t.kind, t.user_id, t.team_id, coalesce(t.organization_id, team.organization_id, pool.organization_id) as organization_id,
  (select o.name
   from organizations o
   where o.id = coalesce(t.organization_id, team.organization_id, pool.organization_id)) as organization_name,
  t.agent_pool_id, t.description, t.is_legacy, t.created_by, t.created_at, t.last_used_at, t.expired_at`
const from = sql.fragment`
  from tokens t
  left join teams team on team.id = t.team_id
  left join agent_pools pool on pool.id = t.agent_pool_id`

export const selectOptionalToken = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TokenRow)`
    select ${columns} ${from}
    where t.id = ${id} and t.kind <> 'phase'`)

export const selectToken = (tx: Tx, id: string) =>
  tx.one(sql.type(TokenRow)`
    select ${columns} ${from}
    where t.id = ${id}`)

/** The one token of a team or organization that the older endpoints manage. */
export const selectOptionalLegacyToken = (
  tx: Tx,
  of: { kind: 'team' | 'organization' | 'audit-trail'; teamId?: string; organizationId?: string },
) =>
  tx.maybeOne(sql.type(TokenRow)`
    select ${columns} ${from}
    where t.is_legacy and t.kind = ${of.kind}
      and (${of.teamId ?? null}::text is null or t.team_id = ${of.teamId ?? null})
      and (${of.organizationId ?? null}::text is null or t.organization_id = ${of.organizationId ?? null})`)

const CountedRow = TokenRow.extend({ total_count: z.number() })

const newestFirst = sql.fragment`t.created_at desc, t.id`

async function page(
  tx: Tx,
  where: FragmentSqlToken,
  limits: { size: number; offset: number },
  order: FragmentSqlToken = newestFirst,
): Promise<{ rows: readonly Token[]; totalCount: number }> {
  const rows = await tx.any(sql.type(CountedRow)`
    select ${columns}, count(*) over ()::int as total_count ${from}
    where ${where}
    order by ${order}
    limit ${limits.size} offset ${limits.offset}`)
  if (rows.length === 0 && limits.offset > 0) {
    // a page past the end knows no count of its own
    return { rows, totalCount: (await page(tx, where, { size: 1, offset: 0 })).totalCount }
  }
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}

type Limits = { size: number; offset: number }
export const selectTokensOfUser = (tx: Tx, userId: string, limits: Limits) =>
  page(tx, sql.fragment`t.kind = 'user' and t.user_id = ${userId}`, limits)
export const selectTokensOfTeam = (tx: Tx, teamId: string, limits: Limits) =>
  page(tx, sql.fragment`t.kind = 'team' and t.team_id = ${teamId}`, limits)
/** Of all teams. `q`: part of a team's name; `sort`: a column of tokenOrders, `-` before it for descending. */
export const selectTeamTokensOfOrganization = (
  tx: Tx,
  organizationId: string,
  filter: { q: string | null; sort: string | null },
  limits: Limits,
) =>
  page(
    tx,
    sql.fragment`t.kind = 'team' and team.organization_id = ${organizationId}
      and (${filter.q}::text is null or strpos(lower(team.name), lower(${filter.q})) > 0)`,
    limits,
    tokenOrders[filter.sort ?? ''] ?? newestFirst,
  )

const tokenOrders: Record<string, FragmentSqlToken> = {
  'team-name': sql.fragment`lower(team.name), t.id`,
  '-team-name': sql.fragment`lower(team.name) desc, t.id`,
  'created-by': sql.fragment`t.created_by, t.id`,
  '-created-by': sql.fragment`t.created_by desc, t.id`,
  'expired-at': sql.fragment`t.expired_at, t.id`,
  '-expired-at': sql.fragment`t.expired_at desc, t.id`,
  'last-used-at': sql.fragment`t.last_used_at, t.id`,
  '-last-used-at': sql.fragment`t.last_used_at desc, t.id`,
}

export const selectTokensOfPool = (tx: Tx, agentPoolId: string, limits: Limits) =>
  page(tx, sql.fragment`t.kind = 'agent' and t.agent_pool_id = ${agentPoolId}`, limits)

export const deleteToken = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from tokens
    where id = ${id}`)
