import { expect } from 'chai'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { type Api, document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

const to = (type: string, id: string) => ({ data: { type, id } })

describe('teams, members and their access', () => {
  let server: TestServer
  let owner: Api
  let ownerId: string
  let mira: Api
  let miraId: string
  let workspaceId: string
  let siblingId: string
  let projectId: string

  const as = async (userId: string) => server.as((await insertToken(server.app.db, { kind: 'user', userId })).token)
  const team = async (name: string, attributes: Record<string, unknown> = {}): Promise<string> =>
    (await owner.post('/organizations/acme/teams', document({ name, ...attributes }))).json.data.id
  const add = (teamId: string, ...names: string[]) =>
    owner.post(`/teams/${teamId}/relationships/users`, { data: names.map((id) => ({ type: 'users', id })) })

  before(async () => {
    server = await startServer()
    ownerId = await makeUser(server, 'olga')
    owner = await as(ownerId)
    miraId = await makeUser(server, 'mira')
    mira = await as(miraId)
    const made = await owner.post('/organizations', document({ name: 'acme', email: 'a@acme.example' }))
    projectId = made.json.data.relationships['default-project'].data.id
    workspaceId = (await owner.post('/organizations/acme/workspaces', document({ name: 'one' }))).json.data.id
    siblingId = (await owner.post('/organizations/acme/workspaces', document({ name: 'two' }))).json.data.id
    await owner.post('/organizations/acme/organization-memberships', document({ email: 'mira@people.example' }))
  })
  after(() => server.stop())

  it('somebody with an account is a member at once, somebody without one is invited', async () => {
    const list = await owner.get('/organizations/acme/organization-memberships?include=user')
    const invited = await owner.post(
      '/organizations/acme/organization-memberships',
      document({ email: 'new@people.example' }),
    )
    const again = await owner.post(
      '/organizations/acme/organization-memberships',
      document({ email: 'NEW@people.example' }),
    )

    const found = list.json.data.find(
      (m: { attributes: { email: string } }) => m.attributes.email === 'mira@people.example',
    )
    expect(found.attributes.status).to.equal('active')
    expect(list.json.included.map((u: { id: string }) => u.id)).to.include(miraId)
    expect(invited.json.data.attributes.status).to.equal('invited')
    expect(again.status).to.equal(422)
  })

  it('a secret team is there for its members and those who manage teams only', async () => {
    const secret = await team('secret-one')
    const open = await team('open-one', { visibility: 'organization' })

    expect((await mira.get(`/teams/${secret}`)).status).to.equal(404)
    expect((await mira.get(`/teams/${open}`)).status).to.equal(200)
    const names = (await mira.get('/organizations/acme/teams')).json.data.map((t: { id: string }) => t.id)
    expect(names).to.include(open).and.not.include(secret)
    expect((await add(secret, 'mira')).status).to.equal(204)
    expect((await mira.get(`/teams/${secret}?include=users`)).json.included[0].attributes.username).to.equal('mira')
  })

  it('a role on one workspace opens that workspace, in that role, and no other', async () => {
    const id = await team('readers')
    await add(id, 'mira')
    const granted = await owner.post(
      '/team-workspaces',
      document({ access: 'read' }, { team: to('teams', id), workspace: to('workspaces', workspaceId) }),
    )
    expect(granted.status).to.equal(201)
    expect(granted.json.data.attributes).to.include({ access: 'read', runs: 'read', 'workspace-locking': false })

    expect((await mira.get(`/workspaces/${workspaceId}`)).status).to.equal(200)
    expect((await mira.get(`/workspaces/${siblingId}`)).status).to.equal(404)
    expect((await mira.post(`/workspaces/${workspaceId}/actions/lock`)).status).to.equal(403)

    await owner.patch(
      `/team-workspaces/${granted.json.data.id}`,
      document({ access: 'custom', 'workspace-locking': true }),
    )
    expect((await mira.post(`/workspaces/${workspaceId}/actions/lock`)).status).to.equal(200)
    expect((await mira.post(`/workspaces/${workspaceId}/actions/unlock`)).status).to.equal(200)

    expect((await mira.delete(`/team-workspaces/${granted.json.data.id}`)).status).to.equal(403)
    await owner.delete(`/team-workspaces/${granted.json.data.id}`)
    expect((await mira.get(`/workspaces/${workspaceId}`)).status).to.equal(404)
  })

  it('a single right beside a fixed role answers 422 and names the custom role', async () => {
    const id = await team('mixed')
    const answer = await owner.post(
      '/team-workspaces',
      document({ access: 'read', runs: 'apply' }, { team: to('teams', id), workspace: to('workspaces', workspaceId) }),
    )

    expect(answer.status).to.equal(422)
    expect(answer.json.errors[0].detail).to.equal(
      "Runs is read-only when access level is 'read'; use the 'custom' access level to set this attribute.",
    )
  })

  it('a role on a project opens its workspaces; a custom one keeps what a change does not name', async () => {
    const id = await team('project-people')
    await add(id, 'mira')
    const made = await owner.post(
      '/team-projects',
      document(
        {
          access: 'custom',
          'project-access': { settings: 'update' },
          'workspace-access': { runs: 'plan', locking: true },
        },
        { team: to('teams', id), project: to('projects', projectId) },
      ),
    )
    const changed = await owner.patch(
      `/team-projects/${made.json.data.id}`,
      document({ access: 'custom', 'workspace-access': { variables: 'read' } }),
    )
    const list = await owner.get(`/team-projects?filter[project][id]=${projectId}`)

    expect(changed.json.data.attributes['project-access']).to.include({ settings: 'update', teams: 'none' })
    expect(changed.json.data.attributes['workspace-access']).to.include({
      runs: 'plan',
      locking: true,
      variables: 'read',
    })
    expect(list.json.meta.pagination['total-count']).to.equal(1)
    expect((await mira.get(`/workspaces/${siblingId}`)).status).to.equal(200)
    await owner.delete(`/team-projects/${made.json.data.id}`)
    expect((await mira.get(`/workspaces/${siblingId}`)).status).to.equal(404)
  })

  it('a team token acts for its team; the older endpoint replaces it, descriptions are unique', async () => {
    const id = await team('robots', { 'allow-member-token-management': false })
    const first = await owner.post(`/teams/${id}/authentication-token`)
    const second = await owner.post(`/teams/${id}/authentication-token`)
    const named = await owner.post(`/teams/${id}/authentication-tokens`, document({ description: 'ci' }))
    const twice = await owner.post(`/teams/${id}/authentication-tokens`, document({ description: 'ci' }))
    const robot = server.as(second.json.data.attributes.token)

    expect(first.json.data.attributes.description).to.equal(null)
    expect((await server.as(first.json.data.attributes.token).get('/account/details')).status).to.equal(401)
    expect((await robot.get('/account/details')).json.data.attributes['is-service-account']).to.equal(true)
    expect((await robot.get('/organizations/acme')).status).to.equal(200)
    expect((await robot.get(`/workspaces/${workspaceId}`)).status).to.equal(404)
    expect(named.json.data.relationships.team.data.id).to.equal(id)
    expect(twice.status).to.equal(422)
    expect(twice.json.errors[0].detail).to.include('Description has already been taken')
  })

  it('SEC-19 who is not an owner makes no token for the owners team or for a team they are not in', async () => {
    const teams = (await owner.get('/organizations/acme/teams')).json.data
    const owners = teams.find((t: { attributes: { name: string } }) => t.attributes.name === 'owners').id
    const other = await team('others', { visibility: 'organization' })
    const managers = await team('managers', { 'organization-access': { 'manage-teams': true } })
    expect((await mira.post(`/teams/${other}/authentication-token`)).status).to.equal(404)
    await add(managers, 'mira')

    expect((await mira.post(`/teams/${owners}/authentication-token`)).status).to.equal(404)
    expect(
      (await mira.post(`/teams/${owners}/relationships/users`, { data: [{ type: 'users', id: 'mira' }] })).status,
    ).to.equal(403)
    expect(
      (await mira.patch(`/teams/${managers}`, document({ 'organization-access': { 'manage-workspaces': true } })))
        .status,
    ).to.equal(403)
    expect((await owner.get(`/teams/${owners}/authentication-tokens`)).json.data).to.deep.equal([])
    await owner.delete(`/teams/${managers}`)
  })

  it('SEC-12 the last owner stays: in the team, in the organization, and the owners team stays too', async () => {
    const teams = (await owner.get('/organizations/acme/teams')).json.data
    const owners = teams.find((t: { attributes: { name: string } }) => t.attributes.name === 'owners').id
    const mine = (await owner.get('/organizations/acme/organization-memberships?q=olga')).json.data[0].id

    for (const answer of [
      await owner.delete(`/teams/${owners}/relationships/users`, { data: [{ type: 'users', id: 'olga' }] }),
      await owner.delete(`/organization-memberships/${mine}`),
      await owner.delete(`/teams/${owners}`),
    ]) {
      expect(answer.status).to.equal(403)
      expect(answer.json.errors[0].detail).to.match(/owner/)
    }
    expect((await owner.get('/organizations/acme')).json.data.attributes.permissions['can-destroy']).to.equal(true)
  })

  it('of two owners who leave at the same time, one stays', async () => {
    await owner.post('/organizations', document({ name: 'pair', email: 'a@b.example' }))
    await owner.post('/organizations/pair/organization-memberships', document({ email: 'mira@people.example' }))
    const owners = (await owner.get('/organizations/pair/teams')).json.data[0].id
    await owner.post(`/teams/${owners}/relationships/users`, { data: [{ type: 'users', id: 'mira' }] })
    const leave = (api: Api, id: string) =>
      api.delete(`/teams/${owners}/relationships/users`, { data: [{ type: 'users', id }] })

    const answers = await Promise.all([leave(owner, 'olga'), leave(mira, 'mira')])

    expect(answers.map((a) => a.status).sort()).to.deep.equal([204, 403])
  })

  it('a member who is removed sees nothing of the organization with the next request, in the browser too', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)
    expect((await web.get('/app/acme/workspaces')).status).to.equal(200)
    const membership = (await owner.get('/organizations/acme/organization-memberships?q=mira')).json.data[0].id

    expect((await owner.delete(`/organization-memberships/${membership}`)).status).to.equal(204)

    expect((await web.get('/app/acme/workspaces')).status).to.equal(404)
    expect((await mira.get('/organizations/acme')).status).to.equal(404)
    expect((await mira.get('/organizations/acme/teams')).status).to.equal(404)
  })
})
