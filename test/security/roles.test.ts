import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { Access } from '../../shared/access/access.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { startRun } from '../support/configurations.ts'
import { makeMember, makeOrganization } from '../support/people.ts'
import { execute, makeRunnable, statusOf, take } from '../support/runs.ts'
import { type Api, document, startServer, type TestServer } from '../support/server.ts'
import { putState } from '../support/states.ts'

type Organization = Awaited<ReturnType<typeof makeOrganization>>
const ref = (type: string, id: string) => ({ data: { type, id } })
const closed = [403, 404]

describe('what roles may do', function () {
  this.timeout(60_000)
  let server: TestServer
  let organization: Organization

  before(async () => {
    server = await startServer({ TOFUTF_FORCE_CANCEL_COOLOFF: '0' })
    organization = await makeOrganization(server)
  })
  after(() => server?.stop())

  const member = (workspaceId: string, role: string) =>
    makeMember(server, organization, { workspaces: { [workspaceId]: role } })
  const plannedRun = async (workspaceId: string, configurationId: string) => {
    const id = await startRun(server.api, workspaceId, {}, configurationId)
    await execute(server, id, 'plan')
    return id
  }

  it('rights read for a list of workspaces are those of each one alone, also across organizations', async () => {
    const other = await makeOrganization(server)
    const [own, foreign] = [await makeRunnable(server, organization.name), await makeRunnable(server, other.name)]
    const who = await makeMember(server, organization, { flags: ['read-workspaces'] })
    const actor = {
      kind: 'user',
      userId: who.userId,
      username: who.username,
      isSiteAdmin: false,
      tokenId: null,
    } as const
    const scopes = [
      { organizationId: organization.id, projectId: organization.projectId, workspaceId: own.workspaceId },
      { organizationId: other.id, projectId: other.projectId, workspaceId: foreign.workspaceId },
    ]
    const [listed, alone] = [new Access(server.app.db, actor), new Access(server.app.db, actor)]

    await listed.preloadWorkspaces(scopes)

    for (const scope of scopes)
      expect(await listed.workspaceGrants(scope)).to.deep.equal(await alone.workspaceGrants(scope))
    expect(await listed.may('workspace:read', scopes[0]!)).to.equal(true)
    expect(await listed.may('workspace:read', scopes[1]!)).to.equal(false)
  })

  it('SEC-02: a role on one workspace opens nothing of its sibling, and the sibling is not listed or counted', async () => {
    const one = await makeRunnable(server, organization.name)
    const two = await makeRunnable(server, organization.name)
    const run = await plannedRun(two.workspaceId, two.configurationId)
    const plan = (await server.api.get(`/runs/${run}`)).json.data.relationships.plan.data.id
    for (const role of ['read', 'plan', 'write', 'admin']) {
      const who = await member(one.workspaceId, role)
      for (const api of [who.api, who.teamApi]) {
        const calls: [string, string, unknown?][] = [
          ['GET', `/workspaces/${two.workspaceId}`],
          ['GET', `/organizations/${organization.name}/workspaces/${two.name}`],
          ['POST', '/runs', document({}, { workspace: ref('workspaces', two.workspaceId) })],
          ['POST', `/workspaces/${two.workspaceId}/actions/lock`],
          ['GET', `/workspaces/${two.workspaceId}/vars`],
          ['GET', `/workspaces/${two.workspaceId}/current-state-version`],
          ['GET', `/runs/${run}`],
          ['GET', `/plans/${plan}`],
        ]
        for (const [method, path, body] of calls) {
          expect((await api(method, path, body)).status, `${role} ${method} ${path}`).to.equal(404)
        }
        const list = (await api.get(`/organizations/${organization.name}/workspaces?include=current_run`)).json
        expect(list.data.map((w: { id: string }) => w.id)).to.deep.equal([one.workspaceId])
        expect(list.meta.pagination['total-count']).to.equal(1)
        expect(JSON.stringify(list)).not.to.include(two.workspaceId)
        const found = await api.get(`/organizations/${organization.name}/workspaces?search[name]=${two.name}`)
        expect(found.json.data).to.deep.equal([])
        const runs = await api.get(`/organizations/${organization.name}/runs`)
        expect(runs.text).not.to.include(run)
      }
    }
  })

  it('SEC-03: plan rights start a run, and nothing more', async () => {
    const { workspaceId, configurationId } = await makeRunnable(server, organization.name)
    const { api } = await member(workspaceId, 'plan')

    const run = await api.post('/runs', document({}, { workspace: ref('workspaces', workspaceId) }))
    expect(run.status).to.equal(201)
    expect(run.json.data.attributes.permissions['can-apply']).to.equal(false)
    const { id } = run.json.data
    await execute(server, id, 'plan')

    expect((await api.post(`/runs/${id}/actions/apply`)).status).to.be.oneOf(closed)
    const variable = document({ key: 'a', value: 'b', category: 'env' })
    expect((await api.post(`/workspaces/${workspaceId}/vars`, variable)).status).to.be.oneOf(closed)
    expect((await api.post(`/workspaces/${workspaceId}/actions/lock`)).status).to.be.oneOf(closed)
    const state = document({ serial: 1, md5: 'd41d8cd98f00b204e9800998ecf8427e', lineage: 'x' })
    expect((await api.post(`/workspaces/${workspaceId}/state-versions`, state)).status).to.be.oneOf(closed)
    expect(await statusOf(server, id)).to.equal('planned')
    expect((await server.api.get(`/workspaces/${workspaceId}/vars`)).json.data).to.deep.equal([])
    expect(configurationId).to.match(/^cv-/)
  })

  it('SEC-04: write rights discard a planned run', async () => {
    const { workspaceId, configurationId } = await makeRunnable(server, organization.name)
    const id = await plannedRun(workspaceId, configurationId)
    const { api } = await member(workspaceId, 'write')

    expect((await api.post(`/runs/${id}/actions/discard`)).status).to.equal(202)
    expect(await statusOf(server, id)).to.equal('discarded')
  })

  it('SEC-05: admin rights force-cancel, write rights do not', async () => {
    const canceling = async (workspaceId: string) => {
      const id = await startRun(server.api, workspaceId)
      await take(server, id, 'plan')
      expect((await server.api.post(`/runs/${id}/actions/cancel`)).status).to.equal(202)
      return id
    }
    const one = await makeRunnable(server, organization.name)
    const two = await makeRunnable(server, organization.name)
    const [first, second] = [await canceling(one.workspaceId), await canceling(two.workspaceId)]
    const admin = await member(one.workspaceId, 'admin')
    const writer = await member(two.workspaceId, 'write')

    expect((await writer.api.post(`/runs/${second}/actions/force-cancel`)).status).to.be.oneOf(closed)
    const seen = (await writer.api.get(`/runs/${second}`)).json.data.attributes
    expect(seen.permissions['can-force-cancel']).to.equal(false)
    expect((await admin.api.post(`/runs/${first}/actions/force-cancel`)).status).to.equal(202)
  })

  it('SEC-06: read rights see outputs and the names of variables, never a sensitive value', async () => {
    const { workspaceId } = await makeRunnable(server, organization.name)
    await putState(server.api, workspaceId, { outputs: { o: { value: 'v', type: 'string' } } })
    const secret = document({ key: 'a', value: 'sesame', category: 'env', sensitive: true })
    await server.api.post(`/workspaces/${workspaceId}/vars`, secret)
    const { api } = await member(workspaceId, 'read')

    const outputs = await api.get(`/workspaces/${workspaceId}/current-state-version-outputs`)
    expect([outputs.status, outputs.json.data[0].attributes.value]).to.deep.equal([200, 'v'])
    const variables = await api.get(`/workspaces/${workspaceId}/vars`)
    expect(variables.json.data[0].attributes).to.include({ key: 'a', value: null })
  })

  async function phaseToken(workspaceId: string): Promise<{ api: Api; runId: string }> {
    const runId = await startRun(server.api, workspaceId)
    const claim = await take(server, runId, 'plan')
    const { token } = await insertToken(server.app.db, { kind: 'phase', phaseId: claim.phaseId })
    return { api: server.as(token), runId }
  }

  it('SEC-07: a running engine reads its own state, and another workspace’s for as long as that shares it', async () => {
    const one = await makeRunnable(server, organization.name)
    const two = await makeRunnable(server, organization.name)
    for (const { workspaceId } of [one, two]) await putState(server.api, workspaceId, { resources: { a: 'x' } })
    const { api } = await phaseToken(one.workspaceId)
    const theirs = async () => (await api.get(`/workspaces/${two.workspaceId}/current-state-version`)).status
    const consumers = `/workspaces/${two.workspaceId}/relationships/remote-state-consumers`
    const list = { data: [{ type: 'workspaces', id: one.workspaceId }] }
    const share = (all: boolean) =>
      server.api.patch(`/workspaces/${two.workspaceId}`, document({ 'global-remote-state': all }))

    expect((await api.get(`/workspaces/${one.workspaceId}/current-state-version`)).status).to.equal(200)
    expect(await theirs()).to.equal(404)
    await server.api.post(consumers, list)
    expect(await theirs()).to.equal(200)
    await share(true)
    expect(await theirs()).to.equal(200)
    await share(false)
    await server.api.delete(consumers, list)
    expect(await theirs()).to.equal(404)
  })

  it('SEC-08: the token of a running engine starts, reads and makes nothing else, and dies with its phase', async () => {
    const one = await makeRunnable(server, organization.name)
    const two = await makeRunnable(server, organization.name)
    const { api, runId } = await phaseToken(one.workspaceId)
    const refused: [string, string, unknown?][] = [
      ['POST', '/runs', document({}, { workspace: ref('workspaces', one.workspaceId) })],
      ['GET', `/workspaces/${one.workspaceId}/vars`],
      ['GET', `/organizations/${organization.name}/teams`],
      ['POST', `/organizations/${organization.name}/authentication-token`],
      ['GET', '/account/details'],
      ['POST', `/workspaces/${one.workspaceId}/state-versions`, document({ serial: 9, md5: 'x', lineage: 'x' })],
      ['GET', `/workspaces/${two.workspaceId}/runs`],
      ['GET', `/runs/${runId}`],
      ['POST', `/runs/${runId}/actions/apply`],
    ]
    for (const [method, path, body] of refused) {
      expect((await api(method, path, body)).status, `${method} ${path}`).to.be.oneOf([401, 403, 404])
    }

    await server.app.db.query(sql.void`update phases set status = 'finished' where run_id = ${runId}`)
    expect((await api.get(`/workspaces/${one.workspaceId}/current-state-version`)).status).to.equal(401)
  })

  it('SEC-11: who maintains one project changes neither the organization nor another project', async () => {
    const path = `/organizations/${organization.name}`
    const other = (await server.api.post(`${path}/projects`, document({ name: 'other' }))).json.data.id
    const set = await server.api.post(
      `${path}/varsets`,
      document({ name: 'theirs' }, { parent: ref('projects', other) }),
    )
    const { api } = await makeMember(server, organization, { projects: { [organization.projectId]: 'maintain' } })
    const before = (await server.api.get(path)).text
    const calls: [string, string, unknown?][] = [
      ['PATCH', path, document({ 'collaborator-auth-policy': 'password', 'session-timeout': 5 })],
      ['POST', `${path}/relationships/data-retention-policy`, document({ 'delete-older-than-n-days': 1 })],
      ['PATCH', `/projects/${other}`, document({ name: 'mine' })],
      ['DELETE', `/projects/${other}`],
      ['PATCH', `/varsets/${set.json.data.id}`, document({ name: 'mine' })],
    ]
    for (const [method, target, body] of calls) {
      expect((await api(method, target, body)).status, `${method} ${target}`).to.be.oneOf(closed)
    }
    expect((await server.api.get(path)).text).to.equal(before)
    expect((await server.api.get(`/projects/${other}`)).json.data.attributes.name).to.equal('other')
  })

  it('SEC-12: an organization keeps its last owner, and says why', async () => {
    const own = await makeOrganization(server)
    const teams = (await server.api.get(`/organizations/${own.name}/teams`)).json.data
    const owners = teams.find((t: { attributes: { name: string } }) => t.attributes.name === 'owners').id
    const members = (await server.api.get(`/organizations/${own.name}/organization-memberships`)).json.data
    const admin = (await server.api.get('/account/details')).json.data
    const refused = [
      await server.api.delete(`/teams/${owners}/relationships/users`, {
        data: [{ type: 'users', id: admin.attributes.username }],
      }),
      await server.api.delete(`/organization-memberships/${members[0].id}`),
      await server.api.delete(`/admin/users/${admin.id}`),
      await server.api.delete(`/teams/${owners}`),
    ]
    for (const answer of refused) {
      expect(answer.status, answer.text).to.be.within(400, 499)
      expect(answer.json.errors[0].detail ?? '').to.have.length.greaterThan(10)
    }
    expect((await server.api.get(`/teams/${owners}`)).json.data.attributes['users-count']).to.equal(1)
  })

  it('SEC-13: every kind of dead token gets the same answer', async () => {
    const { db } = server.app
    const gone = await makeMember(server, organization)
    const text = async (of: Parameters<typeof insertToken>[1]) => (await insertToken(db, of)).token
    const expired = await text({ kind: 'user', userId: gone.userId, expiredAt: new Date(Date.now() - 1000) })
    const { id, token: revoked } = await insertToken(db, { kind: 'user', userId: gone.userId })
    const [ofTeam, ofUser] = [
      await text({ kind: 'team', teamId: gone.teamId }),
      await text({ kind: 'user', userId: gone.userId }),
    ]
    await db.query(sql.void`delete from tokens where id = ${id}`)
    await db.query(sql.void`delete from teams where id = ${gone.teamId}`)
    await db.query(sql.void`delete from users where id = ${gone.userId}`)

    const answers = new Set<string>()
    for (const token of [expired, revoked, ofTeam, ofUser, 'x', 'random.atlasv1.text', 'a'.repeat(5000)]) {
      const { status, text: body, headers } = await server.as(token).get('/account/details')
      const kept = [...headers].filter(([name]) => !['date'].includes(name) && !name.startsWith('x-ratelimit'))
      expect(status).to.equal(401)
      answers.add(JSON.stringify([body, kept]))
    }
    expect([...answers]).to.have.length(1)
  })

  it('SEC-19: nobody but an owner makes a token for the owners or for a team that is not theirs', async () => {
    const who = await makeMember(server, organization)
    const other = await makeMember(server, organization)
    const teams = (await server.api.get(`/organizations/${organization.name}/teams`)).json.data
    const owners = teams.find((t: { attributes: { name: string } }) => t.attributes.name === 'owners').id
    for (const team of [owners, other.teamId]) {
      for (const path of [`/teams/${team}/authentication-token`, `/teams/${team}/authentication-tokens`]) {
        const answer = await who.api.post(path, document({ description: 'mine' }))
        expect(answer.status, path).to.be.oneOf(closed)
      }
      expect((await server.api.get(`/teams/${team}/authentication-token`)).status).to.equal(404)
    }
  })
})
