import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { Problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { requireOwnerLeft } from '../teams/members.ts'
import type { Identity } from './identities.ts'

const TeamRow = z.object({ id: z.string(), organization_id: z.string() })
const HeldRow = TeamRow.extend({ is_owners: z.boolean() })

/** A team that somebody came into, or left. */
export interface TeamChange {
  teamId: string
  organizationId: string
  change: 'joined' | 'left'
}

/**
 * Makes the memberships that an identity brings what its groups say: a team whose SSO team id is one of them gets the
 * person, together with a membership of its organization. What this identity brought before and its groups no longer
 * say goes; what was given by hand is never touched. The last owner stays an owner until there is another one.
 */
export async function followGroups(tx: Tx, identity: Identity, groups: readonly string[]): Promise<TeamChange[]> {
  const wanted = await tx.any(sql.type(TeamRow)`
    select t.id, t.organization_id
    from teams t
    join organizations o on o.id = t.organization_id and o.deleted_at is null
    where t.sso_team_id = any(${sql.array([...groups], 'text')})
    order by t.id
    limit 1000`)
  for (const organizationId of new Set(wanted.map((t) => t.organization_id))) await join(tx, identity, organizationId)
  const teamIds = wanted.map((t) => t.id)
  const joined = await tx.anyFirst(sql.type(z.object({ team_id: z.string() }))`
    insert into team_members (team_id, user_id, identity_id)
    select id, ${identity.user_id}, ${identity.id}
    from unnest(${sql.array(teamIds, 'text')}) as x (id)
    on conflict do nothing
    returning team_id`)
  return [
    ...changes(
      wanted.filter((t) => joined.includes(t.id)),
      'joined',
    ),
    ...(await leaveTeams(tx, identity, teamIds)),
  ]
}

const changes = (teams: readonly z.output<typeof TeamRow>[], change: TeamChange['change']): TeamChange[] =>
  teams.map((t) => ({ teamId: t.id, organizationId: t.organization_id, change }))

async function join(tx: Tx, identity: Identity, organizationId: string): Promise<void> {
  // an address that another membership has already is left to it
  await tx.query(sql.void`
    insert into organization_memberships (id, organization_id, user_id, email, status, identity_id)
    select ${newId('ou')}, ${organizationId}, u.id,
      case when u.email is null or exists (
        select 1
        from organization_memberships x
        where x.organization_id = ${organizationId} and lower(x.email) = lower(u.email))
      then u.username || '@localhost' else u.email end,
      'active', ${identity.id}
    from users u
    where u.id = ${identity.user_id}
      and not exists (
        select 1
        from organization_memberships m
        where m.organization_id = ${organizationId} and m.user_id = u.id)
    on conflict do nothing`)
}

/** Out of the teams that this identity brought, but for those to keep; and out of organizations where that was all. */
export async function leaveTeams(tx: Tx, identity: Identity, keep: readonly string[]): Promise<TeamChange[]> {
  const held = await tx.any(sql.type(HeldRow)`
    select t.id, t.organization_id, t.is_owners
    from team_members tm
    join teams t on t.id = tm.team_id
    where tm.identity_id = ${identity.id} and not (tm.team_id = any(${sql.array([...keep], 'text')}))
    order by tm.team_id
    for update of t`)
  const leaving: z.output<typeof HeldRow>[] = []
  for (const team of held) {
    if (!team.is_owners || (await hasOtherOwner(tx, team.id, identity.user_id))) leaving.push(team)
  }
  await tx.query(sql.void`
    delete from team_members
    where identity_id = ${identity.id} and team_id = any(${sql.array(
      leaving.map((t) => t.id),
      'text',
    )})`)
  await tx.query(sql.void`
    delete from organization_memberships m
    where m.identity_id = ${identity.id}
      and not exists (
        select 1
        from team_members tm
        join teams t on t.id = tm.team_id
        where t.organization_id = m.organization_id and tm.user_id = m.user_id)`)
  return changes(leaving, 'left')
}

async function hasOtherOwner(tx: Tx, teamId: string, userId: string): Promise<boolean> {
  try {
    await requireOwnerLeft(tx, teamId, [userId])
    return true
  } catch (error) {
    if (error instanceof Problem && error.problem === 'forbidden') return false
    throw error
  }
}
