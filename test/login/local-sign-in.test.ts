import { expect } from 'chai'
import { invitationCode, userOfInvitation } from '../../shared/users/invitations.ts'
import { insertUser } from '../../shared/users/users.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('a server without sign-in by password (TOFUTF_LOCAL_SIGN_IN=off)', () => {
  let server: TestServer
  before(async () => {
    server = await startServer({ TOFUTF_LOCAL_SIGN_IN: 'off' })
    await makeUser(server, 'mira')
  })
  after(() => server.stop())

  it('asks for no password, and says what to do while no provider is set up', async () => {
    const page = await new Web(server).get('/app/login')

    expect(page.status).to.equal(200)
    expect(page.html).to.not.include('type="password"').and.not.include('name="login"')
    expect(page.html).to.include('no provider is set up')
  })

  it('refuses the right password with a sentence, and makes no session', async () => {
    const web = new Web(server)

    const answer = await web.post('/app/login', { login: 'mira', password })

    expect(answer.status).to.equal(403)
    expect(answer.html).to.include('Signing in with a password is switched off on this server.')
    expect(web.cookies.has('tofutf_session')).to.equal(false)
  })

  it('takes no password from an invitation, which stays open for single sign-on', async () => {
    const id = await insertUser(server.app.db, { username: 'lena', email: 'lena@people.example', passwordHash: null })
    const code = await invitationCode(server.app, id)
    const path = `/app/invitation/${code}`
    const web = new Web(server)

    const [asked, sent] = [await web.get(path), await web.post(path, { username: 'lena', password, again: password })]

    expect([asked.status, asked.location]).to.deep.equal([303, '/app/login'])
    expect([sent.status, sent.location]).to.deep.equal([303, '/app/login'])
    // a password would have used it up
    expect((await userOfInvitation(server.app, code)).username).to.equal('lena')
  })
})
