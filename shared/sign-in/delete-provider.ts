import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/**
 * A provider with its identities and what its groups brought; accounts stay. Where its groups brought all owners of an
 * organization, they stay owners.
 */
export async function deleteProvider(tx: Tx, id: string): Promise<void> {
  await tx.query(sql.void`
    select t.id
    from teams t
    where t.is_owners and exists (
      select 1
      from team_members tm
      join user_identities i on i.id = tm.identity_id
      where tm.team_id = t.id and i.provider_id = ${id})
    order by t.id
    for update`)
  await tx.query(sql.void`
    with kept as (
      update team_members tm
      set identity_id = null
      from user_identities i, teams t
      where i.id = tm.identity_id and i.provider_id = ${id} and t.id = tm.team_id and t.is_owners
        and not exists (
          select 1
          from team_members x
          left join user_identities xi on xi.id = x.identity_id
          where x.team_id = tm.team_id and xi.provider_id is distinct from ${id})
      returning tm.user_id, t.organization_id)
    update organization_memberships m
    set identity_id = null
    from kept
    where m.user_id = kept.user_id and m.organization_id = kept.organization_id`)
  // with a team that was given by hand the organization stays too
  await tx.query(sql.void`
    update organization_memberships m
    set identity_id = null
    from user_identities i
    where i.id = m.identity_id and i.provider_id = ${id} and exists (
      select 1
      from team_members tm
      join teams t on t.id = tm.team_id
      left join user_identities ti on ti.id = tm.identity_id
      where tm.user_id = m.user_id and t.organization_id = m.organization_id and ti.provider_id is distinct from ${id})`)
  await tx.query(sql.void`
    delete from sign_in_providers
    where id = ${id}`)
}
