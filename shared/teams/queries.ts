import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

export const TeamRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  name: z.string(),
  visibility: z.enum(['secret', 'organization']),
  sso_team_id: z.string().nullable(),
  allow_member_token_management: z.boolean(),
  organization_access: z.record(z.string(), z.unknown()),
  is_owners: z.boolean(),
  user_ids: z.array(z.string()),
  membership_ids: z.array(z.string()),
})
export type Team = z.output<typeof TeamRow>

const columns = sql.fragment`
  t.id, t.organization_id, o.name as organization_name, t.name, t.visibility, t.sso_team_id,
  t.allow_member_token_management, t.organization_access, t.is_owners,
  array(select m.user_id from team_members m where m.team_id = t.id order by m.created_at, m.user_id) as user_ids,
  array(
    select ou.id
    from team_members m
    join organization_memberships ou on ou.user_id = m.user_id and ou.organization_id = t.organization_id
    where m.team_id = t.id
    order by m.created_at, ou.id) as membership_ids`
const tables = sql.fragment`
  teams t
  join organizations o on o.id = t.organization_id and o.deleted_at is null`

export const selectOptionalTeam = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TeamRow)`
    select ${columns}
    from ${tables}
    where t.id = ${id}`)

export const selectTeam = (tx: Tx, id: string) =>
  tx.one(sql.type(TeamRow)`
    select ${columns}
    from ${tables}
    where t.id = ${id}`)

/** Teams by id, in no order; for includes. */
export const selectTeams = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(TeamRow)`
    select ${columns}
    from ${tables}
    where t.id = any(${sql.array([...ids], 'text')})`)

const CountedRow = TeamRow.extend({ total_count: z.number() })

/** By name. `ownIds` null: secret teams too; else those that are visible to the organization, and these. */
export async function selectTeamsOfOrganization(
  tx: Tx,
  organizationId: string,
  filter: { ownIds: readonly string[] | null; names: readonly string[] | null; q: string | null },
  page: { size: number; offset: number },
): Promise<{ rows: readonly Team[]; totalCount: number }> {
  const rows = await tx.any(sql.type(CountedRow)`
    select ${columns}, count(*) over ()::int as total_count
    from ${tables}
    where t.organization_id = ${organizationId}
      and (${filter.ownIds === null} or t.visibility = 'organization' or t.id = any(${sql.array([...(filter.ownIds ?? [])], 'text')}))
      and (${filter.names === null} or lower(t.name) = any(${sql.array(
        (filter.names ?? []).map((n) => n.toLowerCase()),
        'text',
      )}))
      and (${filter.q}::text is null or strpos(lower(t.name), lower(${filter.q})) > 0)
    order by lower(t.name), t.id
    limit ${page.size} offset ${page.offset}`)
  if (rows.length === 0 && page.offset > 0) {
    // a page past the end knows no count of its own
    const first = await selectTeamsOfOrganization(tx, organizationId, filter, { size: 1, offset: 0 })
    return { rows, totalCount: first.totalCount }
  }
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}
