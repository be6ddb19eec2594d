import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'

/** The longest life that an organization allows its tokens, obeyed while its setting max-ttl-enabled is on. */
export const tokenTypes = ['organization', 'team', 'user', 'audit_trails'] as const
export type TokenType = (typeof tokenTypes)[number]

/** Two years of 365.2425 days: what HCP has for a kind that nobody set. */
export const DEFAULT_TTL_MS = 63_113_904_000

const PolicyRow = z.object({
  id: z.string(),
  token_type: z.enum(tokenTypes),
  max_ttl_ms: z.number(),
  created_at: z.date(),
  updated_at: z.date(),
})
export type TtlPolicy = z.output<typeof PolicyRow>

/** One for each kind once any was set; none before. */
export const selectTtlPolicies = (tx: Tx, organizationId: string) =>
  tx.any(sql.type(PolicyRow)`
    select id, token_type, max_ttl_ms, created_at, updated_at
    from token_ttl_policies
    where organization_id = ${organizationId}
    order by token_type`)

/** Sets the named kinds; the others keep theirs, or get the default. */
export async function setTtlPolicies(tx: Tx, organizationId: string, wanted: ReadonlyMap<TokenType, number>) {
  for (const type of tokenTypes) {
    const ms = wanted.get(type)
    await tx.query(sql.void`
      insert into token_ttl_policies as p (id, organization_id, token_type, max_ttl_ms)
      values (${newId('ottl')}, ${organizationId}, ${type}, ${ms ?? DEFAULT_TTL_MS})
      on conflict (organization_id, token_type) do update
      set max_ttl_ms = coalesce(${ms ?? null}::bigint, p.max_ttl_ms),
        updated_at = case when ${ms ?? null}::bigint is null then p.updated_at else now() end`)
  }
  return selectTtlPolicies(tx, organizationId)
}

const LimitRow = z.object({ max_ttl_ms: z.number() })

/** The longest life of a new token of this kind; null: no limit. */
export async function longestLifeMs(tx: Tx, organizationId: string, type: TokenType): Promise<number | null> {
  const row = await tx.maybeOne(sql.type(LimitRow)`
    select p.max_ttl_ms
    from organizations o
    join token_ttl_policies p on p.organization_id = o.id and p.token_type = ${type}
    where o.id = ${organizationId} and (o.settings ->> 'max-ttl-enabled')::boolean`)
  return row?.max_ttl_ms ?? null
}

/**
 * A column of the statement that reads a user's token `t`: the organizations that do not take it, because they take
 * no tokens of persons or none that live so long (the site's operators are not bound by the latter). Almost always empty: only organizations with such a setting are read.
 */
export const organizationsThatRefuse = sql.fragment`
  case when t.kind = 'user' then array(
    select o.id
    from organizations o
    left join token_ttl_policies p on p.organization_id = o.id and p.token_type = 'user'
    where ((o.settings ->> 'user-tokens-enabled') = 'false' or (o.settings ->> 'max-ttl-enabled') = 'true')
      and ((o.settings ->> 'user-tokens-enabled') = 'false'
        or not u.is_site_admin and coalesce(t.expired_at, 'infinity') > t.created_at + make_interval(secs => p.max_ttl_ms / 1000.0))
      and (u.is_site_admin
        or exists (select 1 from organization_memberships m where m.organization_id = o.id and m.user_id = t.user_id)))
  else '{}'::text[] end`
