import { expect } from 'chai'
import { type Acme, makeAcme } from '../support/acme.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('the settings pages', () => {
  let server: TestServer
  let web: Web
  let acme: Acme
  const settings = '/app/acme/workspaces/net/settings'
  before(async function () {
    this.timeout(30_000)
    server = await startServer()
    acme = await makeAcme(server)
    web = acme.web
  })
  after(() => server.stop())

  const workspace = async (name = 'net') => {
    const { json } = await server.api.get(`/organizations/acme/workspaces/${name}`)
    return json.data
  }
  /** Posts, and reads the page that it leads to. */
  const post = async (path: string, fields: Record<string, string> = {}) => {
    const answer = await web.post(path, fields)
    return answer.location ? { ...(await web.get(answer.location)), status: answer.status } : answer
  }

  it('general settings of a workspace are saved; a refused name is named at its field and stays in it', async () => {
    const general = { name: 'queue', description: 'changed', project: acme.project.split('/').at(-1)!, apply: 'auto' }

    const saved = await post('/app/acme/workspaces/queue/settings/general', general)
    expect(saved.html).to.include('Saved.')
    const { attributes, relationships } = await workspace('queue')
    expect([attributes.description, attributes['auto-apply'], attributes['allow-destroy-plan']]).to.deep.equal([
      'changed',
      true,
      false,
    ])
    expect(relationships.project.data.id).to.equal(general.project)

    const refused = await web.post('/app/acme/workspaces/queue/settings/general', { ...general, name: 'net' })
    expect(refused.status).to.equal(422)
    expect(refused.html)
      .to.include('id="name-error"')
      .and.include('value="net"')
      .and.include('Name has already been taken')
    expect(
      (await web.post('/app/acme/workspaces/queue/settings/general', { ...general, project: 'prj-none' })).status,
    ).to.equal(422)
  })

  it('the engine version and the execution mode are checked where they stand', async () => {
    const execution = `${settings}/execution`
    const fields = {
      'terraform-version': '~> 1.9',
      'execution-mode': 'agent',
      'agent-pool-id': '',
      'working-directory': 'env/prod',
    }

    const refused = await web.post(execution, fields)
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('id="agent-pool-id-error"').and.include('value="env/prod"')
    expect(
      (await web.post(execution, { ...fields, 'execution-mode': 'local', 'working-directory': '../up' })).html,
    ).to.include('id="working-directory-error"')

    await post(execution, { ...fields, 'agent-pool-id': acme.pool.split('/').at(-1)! })
    const { attributes } = await workspace()
    expect([
      attributes['execution-mode'],
      attributes['terraform-version'],
      attributes['working-directory'],
    ]).to.deep.equal(['agent', '~> 1.9', 'env/prod'])
    await post(execution, { ...fields, 'execution-mode': 'default', 'working-directory': '' })
    expect((await workspace()).attributes['execution-mode']).to.equal('remote')
  })

  it('state is shared with all, or with those that are named; a name that is not there is refused', async () => {
    const sharing = `${settings}/sharing`
    await post(sharing, { shared: 'all' })
    expect((await workspace()).attributes['global-remote-state']).to.equal(true)
    await post(sharing, { shared: 'some' })

    const refused = await web.post(`${sharing}/add`, { workspace: 'nowhere' })
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('There is no workspace “nowhere”').and.include('id="workspace-error"')

    const id = (await workspace('queue')).id
    expect((await web.get(sharing)).html).to.include(`value="${id}"`)
    await post(`${sharing}/remove`, { id })
    expect((await web.get(sharing)).html).to.not.include(`value="${id}"`)
  })

  it('tags are added, found in the list of workspaces, and removed', async () => {
    await post(`${settings}/tags`, { key: 'tier', value: '' })
    const list = await web.get('/app/acme/workspaces?tag=tier')
    expect(list.html).to.include('>net<').and.not.include('/workspaces/queue"')

    await post(`${settings}/tags/remove`, { key: 'tier' })
    expect((await web.get('/app/acme/workspaces?tag=tier')).html).to.include('No workspace matches.')
    expect((await web.post(`${settings}/tags`, { key: '*', value: '' })).html).to.include('id="key-error"')
  })

  it('a workspace is deleted only by who types its name', async () => {
    await post('/app/acme/new-workspace', { name: 'doomed', engine: 'terraform' })
    const danger = '/app/acme/workspaces/doomed/settings/danger/delete'

    const refused = await web.post(danger, { confirm: 'domed' })
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('That is not doomed. Nothing was deleted.')
    expect((await workspace('doomed')).id).to.match(/^ws-/)

    expect((await post(danger, { confirm: 'doomed' })).html).to.include('Deleted doomed')
    expect((await web.get('/app/acme/workspaces/doomed')).status).to.equal(404)
    expect((await web.post(`${settings}/danger/delete`, { confirm: 'net' })).html).to.include(
      'A run holds the workspace.',
    )
  })

  it('a team is given a role on a workspace, another one, and none', async () => {
    const access = `${settings}/access`
    const page = await web.get(access)
    const id = /access\/(tws-\w+)"/.exec(page.html)![1]!
    expect((await post(`${access}/${id}`, { access: 'admin' })).html).to.include('operators has the role admin now.')
    expect((await post(`${access}/${id}/remove`)).html).to.include('Removed the access of operators.')
    expect((await web.post(access, { team: '', access: 'read' })).status).to.equal(422)
    expect((await web.post(`${acme.project}/access/${id}/remove`, {})).status).to.equal(404)
  })

  it('the last owner cannot leave, a stranger cannot be added, and rights are saved', async () => {
    const members = await web.get('/app/acme/members')
    const own = /\/members\/(ou-\w+)\/remove"(?:(?!<\/form>)[\s\S])*Leave/.exec(members.html)![1]!
    const refused = await web.post(`/app/acme/members/${own}/remove`, {})
    expect(refused.status).to.equal(403)
    expect(refused.html).to.include('They are the last owner.')

    expect((await web.post(`${acme.team}/members`, { username: 'nobody' })).html).to.include('“nobody” is no member')
    await post(acme.team, { name: 'operators', visibility: 'organization', 'flag-manage-workspaces': 'on' })
    const team = await server.api.get(`/teams/${acme.team.split('/').at(-1)}`)
    const flags = team.json.data.attributes['organization-access']
    expect([flags['manage-workspaces'], flags['manage-teams']]).to.deep.equal([true, false])
    expect((await web.post('/app/acme/members', { email: 'lena@people.example', team: '' })).html).to.include(
      'id="email-error"',
    )
  })

  it('a token is shown once, with the command for an agent, and can be revoked', async () => {
    const made = await web.post(`${acme.pool}/tokens`, { description: 'eu-7', days: '30' })
    const token = /[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9]{67}/.exec(made.html)![0]
    expect(made.html).to.include(`TOFUTF_AGENT_TOKEN=${token}`)

    const again = await web.get(acme.pool)
    expect(again.html).to.include('eu-7').and.not.include(token)
    const id = /tokens\/(at-\w+)\/revoke/.exec(again.html)![1]!
    expect((await post(`${acme.pool}/tokens/${id}/revoke`)).html).to.include('Revoked.')
    expect((await web.post(`${acme.pool}/tokens`, { description: '', days: '30' })).html).to.include(
      'id="description-error"',
    )
  })

  it('the organization token works until it is revoked, and only one is there', async () => {
    const path = '/app/acme/settings/tokens/organization'
    const tokenIn = (html: string) => /[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9]{67}/.exec(html)![0]
    const first = tokenIn((await web.post(path, { description: 'ci', days: '90' })).html)
    const second = tokenIn((await web.post(path, { description: 'ci', days: '90' })).html)

    expect((await server.as(first).get('/organizations/acme')).status).to.equal(401)
    expect((await server.as(second).get('/organizations/acme')).status).to.equal(200)
    await post(`${path}/revoke`)
    expect((await server.as(second).get('/organizations/acme')).status).to.equal(401)
    expect((await web.post('/app/acme/settings/tokens/phase', { description: 'x' })).status).to.equal(404)
  })

  it('what belongs to another organization is not there below this one', async () => {
    await post('/app', { name: 'other', email: 'ops@other.example' })
    for (const path of [acme.project, acme.set, acme.team, acme.pool])
      expect((await web.get(path.replace('/app/acme/', '/app/other/'))).status, path).to.equal(404)
  })

  it('a run trigger is made by name; one that would close a loop is refused', async () => {
    const made = await post(`${settings}/triggers`, { source: 'queue' })
    expect(made.html).to.include('A run of queue that is applied starts one here')

    const loop = await web.post('/app/acme/workspaces/queue/settings/triggers', { source: 'net' })
    expect(loop.status).to.equal(422)
    expect(loop.html).to.include('would make a loop').and.include('id="source-error"')
    const id = /triggers\/(rt-\w+)\/remove/.exec(made.html)![1]!
    expect((await web.post(`/app/acme/workspaces/queue/settings/triggers/${id}/remove`, {})).status).to.equal(404)
    expect((await post(`${settings}/triggers/${id}/remove`)).html).to.include('no longer start runs here')
  })

  it('a notification is tested before it is switched on, and its token never comes back', async () => {
    const form = {
      'destination-type': 'generic',
      name: 'ops',
      url: 'http://192.0.2.1/hook',
      token: 'sign-with-this',
      triggers: 'run:errored',
    }
    const refused = await web.post(`${settings}/notifications/new`, { ...form, url: 'http://10.0.0.1/', enabled: 'on' })
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('id="url-error"').and.not.include('sign-with-this')

    const made = await post(`${settings}/notifications/new`, {
      ...form,
      'destination-type': 'email',
      'email-addresses': 'a@b.example',
    })
    expect(made.html)
      .to.include('Made ops.')
      .and.include('A run fails or is canceled')
      .and.not.include('sign-with-this')
    const path = /\/app\/[^"]*\/notifications\/nc-\w+/.exec(made.html)![0]
    expect((await web.get(path)).html).to.include('a@b.example')
    expect((await post(path, { name: 'ops team', 'email-addresses': 'nobody' })).status).to.equal(422)
    expect((await post(`${path}/delete`)).html).to.include('Deleted ops.')
  })

  it('an SSH key is checked and never shown again', async () => {
    const path = '/app/acme/settings/ssh-keys'
    const value = '-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IHJlYWw=\n-----END OPENSSH PRIVATE KEY-----'
    const refused = await web.post(path, { name: 'git', value: 'ssh-rsa AAAA' })
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('id="value-error"').and.not.include('AAAA')

    const added = await post(path, { name: 'git', value })
    expect(added.html).to.include('Added git.').and.not.include('bm90IHJlYWw')
    expect((await web.get('/app/acme/audit')).html).to.not.include('bm90IHJlYWw')
    const id = /ssh-keys\/(sshkey-\w+)\/delete/.exec(added.html)![1]!
    expect((await post(`${path}/${id}/delete`)).html).to.include('Deleted git.')
  })

  it('the audit page says who changed what, filters, and gives a file; a variable has its history', async () => {
    const variable = /\/app\/acme\/workspaces\/net\/variables\/var-\w+/.exec(
      (await web.get('/app/acme/workspaces/net/variables')).html,
    )![0]
    const form = { category: 'terraform', key: 'renamed', value: 'secret text of it', description: '' }
    await post(variable, form)

    const { html } = await web.get(variable)
    expect(html).to.match(/History[\s\S]*mira changed it[\s\S]*key/)
    const audit = await web.get(`/app/acme/audit?q=${variable.split('/').at(-1)}`)
    expect(audit.html).to.include('mira').and.include('update').and.not.include('secret text')
    expect((await web.get('/app/acme/audit?action=destroy&until=2020-01-01')).html).to.include('Nothing in this time')
    const file = await web.get('/app/acme/audit.csv?q=mira')
    expect(file.headers.get('content-type')).to.include('text/csv')
    expect(file.html)
      .to.match(/"mira",.*"update","variables"/)
      .and.not.include('secret text')
  })

  it('a search finds what the caller may open and nothing else', async () => {
    const all = await web.get('/app/search?q=net')
    expect(all.html).to.include('/app/acme/workspaces/net"').and.include('network/aws')
    const some = await web.get('/app/search?q=AWS_REGION')
    expect(some.html).to.include('/variables#var-')

    await makeUser(server, 'stranger')
    const stranger = new Web(server)
    await stranger.signIn('stranger', password)
    for (const q of ['net', 'AWS_REGION', 'Split NAT', acme.workspaceId, 'platform', 'operators'])
      expect((await stranger.get(`/app/search?q=${encodeURIComponent(q)}`)).html, q).to.include('Nothing called')
    expect((await stranger.get('/app/acme/queue')).status).to.equal(404)
    expect((await stranger.get('/app/admin')).status).to.equal(404)
  })

  it('an organization is deleted only by who types its name', async () => {
    const danger = '/app/other/settings/danger/delete'
    expect((await web.post(danger, { confirm: 'Other' })).status).to.equal(422)
    expect((await post(danger, { confirm: 'other' })).html).to.include('Deleted other')
    expect((await web.get('/app/other/workspaces')).status).to.equal(404)
  })
})
