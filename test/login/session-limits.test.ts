import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { makeOrganization } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('the session limits of an organization', () => {
  let server: TestServer
  let web: Web
  before(async () => {
    server = await startServer()
    const acme = await makeOrganization(server)
    const userId = await makeUser(server, 'mira')
    await server.app.db.query(sql.void`
      insert into organization_memberships (id, organization_id, user_id, email, status)
      values (${newId('ou')}, ${acme.id}, ${userId}, 'mira@people.example', 'active')`)
    const limits = document({ 'session-timeout': 30, 'session-remember': 600 })
    expect((await server.api.patch(`/organizations/${acme.name}`, limits)).status).to.equal(200)
  })
  after(() => server.stop())
  beforeEach(async () => {
    web = new Web(server)
    await web.signIn('mira', password)
  })

  const isSignedIn = async () => (await web.get('/app')).status === 200
  const age = (what: 'last_seen_at' | 'created_at', minutes: number) =>
    server.app.db.query(sql.void`
      update sessions
      set ${sql.identifier([what])} = now() - make_interval(mins => ${minutes})`)

  it('a session that was not used for session-timeout minutes has ended', async () => {
    await age('last_seen_at', 29)
    expect(await isSignedIn()).to.equal(true)

    await age('last_seen_at', 32)
    expect(await isSignedIn()).to.equal(false)
  })

  it('a session ends session-remember minutes after the sign-in, however much it is used', async () => {
    await age('created_at', 599)
    expect(await isSignedIn()).to.equal(true)

    await age('created_at', 601)
    expect(await isSignedIn()).to.equal(false)
  })
})
