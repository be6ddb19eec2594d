import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { Access, type Scope } from '../../shared/access/access.ts'
import type { Actor } from '../../shared/access/actor.ts'
import { type Action, actions, organizationFlags } from '../../shared/permissions.ts'
import { authenticate } from '../../shared/tokens/authenticate.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { type Member, makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { expected, mayBy, type Role } from './grid.ts'

const all = Object.keys(actions) as Action[]

describe('the grid of permissions', function () {
  this.timeout(120_000)
  let server: TestServer
  let scope: Required<Scope>
  let other: Required<Scope>
  let elsewhere: Required<Scope>
  let organization: Awaited<ReturnType<typeof makeOrganization>>
  /** Each role as a person, and as the token of a team that holds the same. */
  const actors = new Map<Role, Actor[]>()

  before(async () => {
    server = await startServer()
    const { db } = server.app
    const scopeOf = async (of: typeof organization) => ({
      organizationId: of.id,
      projectId: of.projectId,
      workspaceId: (await makeWorkspace(server, of)).id as string,
    })
    organization = await makeOrganization(server)
    scope = await scopeOf(organization)
    other = { ...scope, workspaceId: (await makeWorkspace(server, organization)).id as string }
    elsewhere = await scopeOf(await makeOrganization(server))
    const people: [Role, Parameters<typeof makeMember>[2]][] = [
      ['member', {}],
      ...(['read', 'plan', 'write', 'admin'] as const).map(
        (role) => [`workspace ${role}`, { workspaces: { [scope.workspaceId]: role } }] as [Role, object],
      ),
      ...(['read', 'write', 'maintain', 'admin'] as const).map(
        (role) => [`project ${role}`, { projects: { [scope.projectId]: role } }] as [Role, object],
      ),
      ...organizationFlags.map((flag) => [`flag ${flag}`, { flags: [flag] }] as [Role, object]),
    ]
    for (const [role, rights] of people) actors.set(role, both(await makeMember(server, organization, rights)))
    const owner = await makeMember(server, organization)
    await db.query(sql.void`update teams set is_owners = true where id = ${owner.teamId}`)
    actors.set('owner', both(owner))
    const tokenOf = async (kind: 'organization' | 'audit-trail' | 'agent', more: object = {}) => {
      const { token } = await insertToken(db, { kind, organizationId: organization.id, ...more })
      return [(await authenticate(server.app, token))!]
    }
    actors.set('organization token', await tokenOf('organization'))
    actors.set('audit-trail token', await tokenOf('audit-trail'))
    const inOrganization = { organizationId: organization.id, tokenId: 'at-x' }
    actors.set('agent token', [{ kind: 'agent', agentPoolId: 'apool-x', ...inOrganization }])
    const phase = { phaseId: 'plan-x', runId: 'run-x', workspaceId: scope.workspaceId, ...inOrganization }
    actors.set('phase token', [
      { kind: 'phase', phase: 'plan', ...phase },
      { kind: 'phase', phase: 'apply', ...phase },
    ])
    actors.set('anonymous', [{ kind: 'anonymous' }])
    actors.set('site admin', [(await authenticate(server.app, server.siteToken))!])
  })
  after(() => server?.stop())

  const both = (member: Member): Actor[] => [
    { kind: 'user', userId: member.userId, username: member.username, isSiteAdmin: false, tokenId: null },
    { kind: 'team', teamId: member.teamId, organizationId: organization.id, tokenId: 'at-x' },
  ]
  const may = (actor: Actor, action: Action, at: Scope) => new Access(server.app.db, actor).may(action, at)

  it('every action and every role agree with what HCP documents', async () => {
    const wrong: string[] = []
    for (const action of all) {
      for (const [role, who] of actors) {
        for (const actor of who) {
          const is = await may(actor, action, scope)
          const should = mayBy(expected[action], role)
          if (is !== should) wrong.push(`${action}: ${role} (${actor.kind}) ${is ? 'may' : 'may not'}`)
        }
      }
    }
    expect(wrong).to.deep.equal([])
  })

  it('SEC-02: a role on one workspace is nothing on its sibling', async () => {
    for (const role of ['read', 'plan', 'write', 'admin'] as const) {
      for (const actor of actors.get(`workspace ${role}`)!) {
        for (const action of all.filter((a) => actions[a].on === 'workspace')) {
          expect(await may(actor, action, other), `${role} ${action}`).to.equal(false)
        }
      }
    }
  })

  it('no role reaches into another organization', async () => {
    const scoped = all.filter((a) => ['organization', 'project', 'workspace'].includes(actions[a].on))
    for (const [role, who] of actors) {
      if (role === 'site admin') continue
      for (const actor of who) {
        for (const action of scoped) expect(await may(actor, action, elsewhere), `${role} ${action}`).to.equal(false)
      }
    }
  })

  it('no mix of rights without state write gives state write, and none without apply gives apply', async () => {
    const custom = (rights: object) => ({ access: 'custom', custom: rights })
    const parts = [
      { access: 'read', custom: {} },
      { access: 'plan', custom: {} },
      custom({ runs: 'plan', 'state-versions': 'none' }),
      custom({ variables: 'write', 'state-versions': 'read-outputs' }),
      custom({ 'workspace-locking': true, 'run-tasks': true, 'policy-overrides': true, 'state-versions': 'read' }),
    ]
    for (const [i, first] of parts.entries()) {
      for (const second of parts.slice(i)) {
        const member = await makeMember(server, organization)
        const more = await makeMember(server, organization)
        const { db } = server.app
        await db.query(sql.void`insert into team_members (team_id, user_id) values (${more.teamId}, ${member.userId})`)
        await grant(member.teamId, first)
        await grant(more.teamId, second)
        const [actor] = both(member)
        for (const action of ['state:create', 'state:manage', 'run:apply', 'workspace:update'] as const) {
          const label = `${JSON.stringify([first, second])} ${action}`
          expect(await may(actor!, action, scope), label).to.equal(false)
        }
      }
    }
  })

  it('runs: apply alone, as a custom role, does not write state from outside a run', async () => {
    const member = await makeMember(server, organization)
    await grant(member.teamId, { access: 'custom', custom: { runs: 'apply', 'state-versions': 'read' } })
    const [actor] = both(member)

    expect(await may(actor!, 'run:apply', scope)).to.equal(true)
    expect(await may(actor!, 'state:create', scope)).to.equal(false)
  })

  const grant = (teamId: string, { access, custom }: { access: string; custom: object }) =>
    server.app.db.query(sql.void`
      insert into team_workspaces (id, team_id, workspace_id, access, custom)
      values (${`tws-${teamId.slice(5)}`}, ${teamId}, ${scope.workspaceId}, ${access}, ${JSON.stringify(custom)}::jsonb)`)
})
