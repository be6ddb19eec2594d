import { expect } from 'chai'
import { insertIdentity } from '../../shared/sign-in/identities.ts'
import { makeOrganization } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('what single sign-on shows on pages of people and teams', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server?.stop())

  const signedIn = async (name: string, more: { isSiteAdmin?: boolean } = {}) => {
    const id = await makeUser(server, name, more)
    const web = new Web(server)
    await web.get('/app/login')
    await web.signIn(name, password)
    return { id, web }
  }

  it('the account page lists the identities of the one who looks, and of nobody else', async () => {
    const provider = await server.api.post(
      '/admin/sign-in-providers',
      document({
        ...{ slug: 'house', kind: 'oidc', name: 'House login', url: 'https://login.example.com' },
        ...{ 'client-id': 'tofutf', 'client-secret': 'x' },
      }),
    )
    const [ada, ben] = [await signedIn('ada'), await signedIn('ben')]
    const identity = { providerId: provider.json.data.id, subject: '1', userId: ada.id, email: 'ada@acme.example' }
    await insertIdentity(server.app.db, identity)

    const own = (await ada.web.get('/app/account')).html
    const other = (await ben.web.get('/app/account')).html

    expect(own).to.include('Linked identities').and.include('House login').and.include('ada@acme.example')
    expect(other).not.to.include('Linked identities').and.not.include('House login')
  })

  it('the form of a team sets its SSO team id, takes it away, and shows one that is too long again', async () => {
    const { web } = await signedIn('cleo', { isSiteAdmin: true })
    const { name } = await makeOrganization(server)
    const made = await server.api.post(
      `/organizations/${name}/teams`,
      document({ name: 'operators', visibility: 'organization' }),
    )
    const id = made.json.data.id as string
    const path = `/app/${name}/teams/${id}`
    const stored = async () => (await server.api.get(`/teams/${id}`)).json.data.attributes['sso-team-id']
    const form = { name: 'operators', visibility: 'organization' }

    expect((await web.get(path)).html).to.include('name="sso-team-id"')
    await web.post(path, { ...form, 'sso-team-id': ' github:acme/operators ' })
    expect(await stored()).to.equal('github:acme/operators')
    expect((await web.get(path)).html).to.include('value="github:acme/operators"')

    const long = await web.post(path, { ...form, 'sso-team-id': 'x'.repeat(501) })
    expect(long.status).to.equal(422)
    expect(long.html).to.include('href="#sso-team-id"').and.include('x'.repeat(501))
    await web.post(path, form)
    expect(await stored()).to.equal('github:acme/operators')

    await web.post(path, { ...form, 'sso-team-id': '' })
    expect(await stored()).to.equal(null)
  })
})
