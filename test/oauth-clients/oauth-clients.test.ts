import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { makeMember, makeOrganization } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('OAuth clients', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  const github = {
    'service-provider': 'github',
    'http-url': 'https://github.example',
    'api-url': 'https://api.github.example',
    'oauth-token-string': 'marker-of-the-token',
    secret: 'marker-of-the-secret',
  }

  it('its token and secret are sealed at rest and in no answer', async () => {
    const organization = await makeOrganization(server)
    const path = `/organizations/${organization.name}/oauth-clients`

    const made = await server.api.post(path, document(github))
    const tokenId = made.json.data.relationships['oauth-tokens'].data[0].id
    const withKey = await server.api.patch(
      `/oauth-tokens/${tokenId}`,
      document({
        'ssh-key': '-----BEGIN OPENSSH PRIVATE KEY-----\nmarker-of-the-key\n-----END OPENSSH PRIVATE KEY-----',
      }),
    )

    expect(made.status).to.equal(201)
    expect(withKey.json.data.attributes['has-ssh-key']).to.equal(true)
    const stored = await server.app.db.one(sql.type(z.object({ text: z.string() }))`
      select (select string_agg(c::text, '') from oauth_clients c) || (select string_agg(t::text, '') from oauth_tokens t)
        as text`)
    const hex = (text: string) => Buffer.from(text).toString('hex')
    const answers = [
      made.text,
      withKey.text,
      (await server.api.get(path)).text,
      (await server.api.get(`/organizations/${organization.name}/oauth-tokens`)).text,
      (await server.api.get(`/oauth-clients/${made.json.data.id}?include=projects`)).text,
    ]
    for (const marker of ['marker-of-the-token', 'marker-of-the-secret', 'marker-of-the-key']) {
      for (const text of answers) expect(text).not.to.include(marker)
      expect(stored.text).not.to.include(marker).and.not.to.include(hex(marker))
    }
  })

  it('what is no private key is refused', async () => {
    const organization = await makeOrganization(server)
    const made = await server.api.post(`/organizations/${organization.name}/oauth-clients`, document(github))
    const tokenId = made.json.data.relationships['oauth-tokens'].data[0].id

    const answer = await server.api.patch(`/oauth-tokens/${tokenId}`, document({ 'ssh-key': 'nonsense' }))

    expect(answer.status).to.equal(422)
  })

  it('members without the right to manage VCS settings only read', async () => {
    const organization = await makeOrganization(server)
    const path = `/organizations/${organization.name}/oauth-clients`
    const member = await makeMember(server, organization)
    const manager = await makeMember(server, organization, { flags: ['manage-vcs-settings'] })

    expect((await member.api.post(path, document(github))).status).to.equal(403)
    const made = await manager.api.post(path, document(github))
    expect(made.status).to.equal(201)
    expect((await member.api.get(path)).json.data).to.have.length(1)
    expect((await member.api.delete(`/oauth-clients/${made.json.data.id}`)).status).to.equal(403)
    expect((await manager.api.delete(`/oauth-clients/${made.json.data.id}`)).status).to.equal(204)
  })
})
