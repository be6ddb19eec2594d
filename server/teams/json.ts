import { selectOrganizations } from '../../shared/organizations/queries.ts'
import { organizationFlags } from '../../shared/permissions.ts'
import { type Membership, selectMemberships } from '../../shared/teams/members.ts'
import { selectTeams, type Team } from '../../shared/teams/queries.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { defineResource, type ResourceDefinition, toMany, toOne } from '../jsonapi/document.ts'
import { organization } from '../organizations/json.ts'
import { user } from '../users/json.ts'
import { maySeeTeam } from './subject.ts'

export const team: ResourceDefinition<Team> = defineResource<Team>({
  type: 'teams',
  id: (t) => t.id,
  async attributes(t, { access }) {
    const scope = { organizationId: t.organization_id }
    const mayManage = await access.may('team:manage', scope)
    const mayTouch = !t.is_owners || (await access.isOwner(t.organization_id))
    return {
      name: t.name,
      visibility: t.visibility,
      'is-unified': false,
      'users-count': t.user_ids.length,
      'sso-team-id': t.sso_team_id,
      'allow-member-token-management': t.allow_member_token_management,
      'organization-access': Object.fromEntries(
        organizationFlags.map((flag) => [flag, t.is_owners || t.organization_access[flag] === true]),
      ),
      permissions: {
        'can-destroy': mayManage && !t.is_owners,
        'can-update': mayManage && mayTouch,
        'can-update-membership': mayTouch && (await access.may('membership:manage', scope)),
        'can-update-organization-access':
          !t.is_owners && (await access.hasFlag(t.organization_id, 'manage-organization-access')),
      },
    }
  },
  relationships: (t) => ({
    organization: toOne('organizations', t.organization_name),
    users: toMany('users', t.user_ids),
    'organization-memberships': toMany('organization-memberships', t.membership_ids),
    'authentication-token': { links: { related: `/api/v2/teams/${t.id}/authentication-token` } },
  }),
  links: (t) => ({ self: `/api/v2/teams/${t.id}` }),
  includes: {
    users: async (rows, { app }) => ({
      resource: user,
      rows: await selectUsers(
        app.db,
        rows.flatMap((t) => t.user_ids),
      ),
    }),
    'organization-memberships': async (rows, { app }) => ({
      resource: membership,
      rows: await selectMemberships(
        app.db,
        rows.flatMap((t) => t.membership_ids),
      ),
    }),
  },
})

export const membership: ResourceDefinition<Membership> = defineResource<Membership>({
  type: 'organization-memberships',
  id: (m) => m.id,
  attributes: (m) => ({ status: m.status, email: m.email, 'created-at': m.created_at }),
  relationships: (m) => ({
    organization: toOne('organizations', m.organization_name),
    user: toOne('users', m.user_id),
    teams: toMany('teams', m.team_ids),
  }),
  links: (m) => ({ self: `/api/v2/organization-memberships/${m.id}` }),
  includes: {
    user: async (rows, { app }) => ({
      resource: user,
      rows: await selectUsers(
        app.db,
        rows.map((m) => m.user_id),
      ),
    }),
    teams: async (rows, { app, access }) => {
      const teams = await selectTeams(app.db, [...new Set(rows.flatMap((m) => m.team_ids))])
      const seen = await Promise.all(teams.map((t) => maySeeTeam(access, t)))
      return { resource: team, rows: teams.filter((_, i) => seen[i]) }
    },
    organization: async (rows, { app }) => ({
      resource: organization,
      rows: await selectOrganizations(app.db, [...new Set(rows.map((m) => m.organization_id))]),
    }),
  },
})
