import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { makeRunnable, statusOf, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('the admin API', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  it('answers site admins only, an owner of an organization too hears 404 or 403', async () => {
    const organization = await makeOrganization(server)
    const { api } = await makeMember(server, organization, { flags: ['manage-workspaces', 'manage-membership'] })

    for (const path of [
      '/admin/organizations',
      `/admin/organizations/${organization.name}`,
      '/admin/users',
      '/admin/workspaces',
      '/admin/runs',
      '/admin/general-settings',
      '/admin/smtp-settings',
      '/admin/terraform-versions',
      '/admin/feature-sets',
    ]) {
      expect((await server.api.get(path)).status, path).to.equal(200)
      expect((await api.get(path)).status, path).to.be.oneOf([403, 404])
      expect((await server.as(null).get(path)).status, path).to.equal(401)
    }
  })

  it('a disabled organization is gone for its members and their tokens, not for site admins', async () => {
    const organization = await makeOrganization(server)
    const { api, teamApi } = await makeMember(server, organization)
    const path = `/organizations/${organization.name}`
    expect((await api.get(path)).status).to.equal(200)

    await server.api.patch(`/admin${path}`, document({ 'is-disabled': true }))

    expect((await api.get(path)).status).to.equal(404)
    expect((await teamApi.get(path)).status).to.equal(401)
    expect((await server.api.get(path)).status).to.equal(200)
    await server.api.patch(`/admin${path}`, document({ 'is-disabled': false }))
    expect((await teamApi.get(path)).status).to.equal(200)
  })

  it('the workspace past the limit of its organization is refused with the numbers', async () => {
    const organization = await makeOrganization(server)
    await server.api.patch(`/admin/organizations/${organization.name}`, document({ 'workspace-limit': 1 }))
    await makeWorkspace(server, organization)

    const second = await server.api.post(`/organizations/${organization.name}/workspaces`, document({ name: 'two' }))

    expect(second.status).to.equal(403)
    expect(second.json.errors[0].detail).to.match(/has 1 workspaces and may have 1/)
  })

  it('with organization creation limited only site admins make organizations', async () => {
    const { api } = await makeMember(server, await makeOrganization(server))
    await server.api.patch('/admin/general-settings', document({ 'limit-user-organization-creation': true }))

    const byMember = await api.post('/organizations', document({ name: 'mine', email: 'a@b.example' }))
    await server.api.patch('/admin/general-settings', document({ 'limit-user-organization-creation': false }))

    expect(byMember.status).to.equal(403)
    expect((await api.post('/organizations', document({ name: 'mine', email: 'a@b.example' }))).status).to.equal(201)
  })

  it('the default of remote state access goes into new workspaces', async () => {
    const organization = await makeOrganization(server)
    await server.api.patch('/admin/general-settings', document({ 'default-remote-state-access': true }))

    const [byDefault, own] = [
      await makeWorkspace(server, organization),
      await makeWorkspace(server, organization, { 'global-remote-state': false }),
    ]
    await server.api.patch('/admin/general-settings', document({ 'default-remote-state-access': false }))

    expect(byDefault.attributes['global-remote-state']).to.equal(true)
    expect(own.attributes['global-remote-state']).to.equal(false)
  })

  it('a password among the settings is sealed and never shown', async () => {
    const answer = await server.api.patch(
      '/admin/smtp-settings',
      document({ host: 'mail.example', sender: 'a@b.example', password: 'marker-of-the-password' }),
    )

    const row = await server.app.db.one(sql.type(z.object({ text: z.string() }))`
      select s::text as text
      from site_settings s
      where name = 'smtp'`)
    const hex = Buffer.from('marker-of-the-password').toString('hex')
    expect(answer.json.data.attributes).to.include({ host: 'mail.example', enabled: false })
    for (const text of [answer.text, (await server.api.get('/admin/smtp-settings')).text, row.text])
      expect(text).not.to.include('marker').and.not.to.include(hex)
  })

  it('what this server cannot do is refused where it would be switched on', async () => {
    for (const path of ['saml', 'twilio', 'cost-estimation']) {
      const answer = await server.api.patch(`/admin/${path}-settings`, document({ enabled: true }))

      expect(answer.status, path).to.equal(422)
      expect(answer.json.errors[0].detail).to.match(/not offered by this server/)
    }
  })

  it('the texts of site admins stand on the pages as text, without their markup', async () => {
    await server.api.patch(
      '/admin/customization-settings',
      document({
        'login-help': '<b>Ask</b> the <script>alert(1)</script>platform team',
        'support-email-address': 'help@acme.example',
        footer: '<p>Internal use</p>',
      }),
    )

    const page = await (await fetch(`${server.url}/app/login`)).text()

    expect(page).to.include('Ask the alert(1)platform team').and.include('mailto:help@acme.example')
    expect(page).to.include('Internal use').and.not.to.include('<script>alert')
  })

  it('a version that is not enabled cannot be chosen, one that was added can', async () => {
    const organization = await makeOrganization(server)
    const archive = { version: '9.9.9', url: 'https://releases.example.com/t.zip', sha: 'a'.repeat(64) }
    const made = await server.api.post('/admin/terraform-versions', document({ ...archive, enabled: false }))
    const choose = (name: string) =>
      server.api.post(
        `/organizations/${organization.name}/workspaces`,
        document({ name, 'terraform-version': '9.9.9' }),
      )

    expect((await choose('before')).status).to.equal(422)
    await server.api.patch(`/admin/terraform-versions/${made.json.data.id}`, document({ enabled: true }))
    expect((await choose('after')).status).to.equal(201)
    expect((await server.api.delete(`/admin/terraform-versions/${made.json.data.id}`)).status).to.equal(409)
  })

  it('ends a run at once, pending or with an engine that runs', async () => {
    const organization = await makeOrganization(server)
    const { workspaceId } = await makeRunnable(server, organization.name)
    const relation = { workspace: { data: { type: 'workspaces', id: workspaceId } } }
    const [first, second] = [
      (await server.api.post('/runs', document({}, relation))).json.data.id,
      (await server.api.post('/runs', document({}, relation))).json.data.id,
    ]
    await take(server, first, 'plan')

    for (const id of [second, first]) {
      expect((await server.api.post(`/admin/runs/${id}/actions/force-cancel`, { comment: 'enough' })).status).to.equal(
        202,
      )
      expect(await statusOf(server, id)).to.equal('canceled')
    }
  })

  it('a suspended user is out with the next request; nobody suspends or deletes themselves', async () => {
    const { api, userId } = await makeMember(server, await makeOrganization(server))
    expect((await api.get('/account/details')).status).to.equal(200)

    const suspended = await server.api.post(`/admin/users/${userId}/actions/suspend`)

    expect(suspended.json.data.attributes['is-suspended']).to.equal(true)
    expect((await api.get('/account/details')).status).to.equal(401)
    const self = (await server.api.get('/account/details')).json.data.id
    expect((await server.api.post(`/admin/users/${self}/actions/suspend`)).status).to.equal(409)
    expect((await server.api.delete(`/admin/users/${self}`)).status).to.equal(409)
  })

  it('modules are shared with the organizations that site admins name, and with no others', async () => {
    const [owner, consumer, other] = [
      await makeOrganization(server),
      await makeOrganization(server),
      await makeOrganization(server),
    ]
    await server.api.post(
      `/organizations/${owner.name}/registry-modules`,
      document({ name: 'net', provider: 'null', 'registry-name': 'private' }),
    )
    const path = `/organizations/${owner.name}/registry-modules/private/${owner.name}/net/null`
    const [reader, stranger] = [await makeMember(server, consumer), await makeMember(server, other)]
    expect((await reader.api.get(path)).status).to.equal(404)

    const changed = await server.api.patch(`/admin/organizations/${owner.name}/relationships/module-consumers`, {
      data: [{ type: 'organizations', id: consumer.name }],
    })

    expect(changed.status).to.equal(204)
    expect((await reader.api.get(path)).status).to.equal(200)
    expect((await stranger.api.get(path)).status).to.equal(404)
    expect((await reader.api.get(`/organizations/${owner.name}`)).status).to.equal(404)
  })
})
