import { expect } from 'chai'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('the pages of accounts', () => {
  let server: TestServer
  let admin: Web
  before(async () => {
    server = await startServer()
    await makeUser(server, 'ada', { isSiteAdmin: true })
    admin = new Web(server)
    await admin.signIn('ada', password)
  })
  after(() => server.stop())

  const next = 'another long password'
  const linkIn = (html: string) => /\/app\/invitation\/[A-Za-z0-9._-]+/.exec(html)![0]

  it('a new password needs the present one and signs other browsers out, not this one', async () => {
    await makeUser(server, 'mira')
    const here = new Web(server)
    await here.signIn('mira', password)
    const there = new Web(server)
    await there.signIn('mira', password)

    const wrong = await here.post('/app/account/password', { current: 'no', password: next, again: next })
    const right = await here.post('/app/account/password', { current: password, password: next, again: next })

    expect(wrong.status).to.equal(422)
    expect(wrong.html).to.include('Current password is wrong')
    expect(right.status).to.equal(303)
    expect((await here.get('/app')).status).to.equal(200)
    expect((await there.get('/app')).status).to.equal(303)
  })

  it('another browser is signed out from the list of sessions', async () => {
    await makeUser(server, 'tarek')
    const here = new Web(server)
    await here.signIn('tarek', password)
    const there = new Web(server)
    await there.signIn('tarek', password)
    const page = await here.get('/app/account')

    await here.post(/action="(\/app\/account\/sessions\/[0-9a-f]+\/end)"/.exec(page.html)![1]!, {})

    expect((await there.get('/app')).status).to.equal(303)
    expect((await here.get('/app/account')).status).to.equal(200)
  })

  it('an invited person gets a link from a site admin, sets a password once, and is a member', async () => {
    await admin.post('/app', { name: 'acme', email: 'a@acme.example' })
    await server.api.post('/organizations/acme/organization-memberships', document({ email: 'lena@people.example' }))
    const users = await admin.get('/app/admin/users?q=lena')
    const made = await admin.post(/action="(\/app\/admin\/users\/user-[^"]+\/link)"/.exec(users.html)![1]!, {})
    const link = linkIn(made.html)
    const lena = new Web(server)

    const short = await lena.post(link, { username: 'lena', password: 'short', again: 'short' })
    const set = await lena.post(link, { username: 'lena', password: next, again: next })
    const again = await new Web(server).get(link)

    expect(short.status).to.equal(422)
    expect(set.location).to.equal('/app/login')
    expect(again.status).to.equal(410)
    expect((await lena.signIn('lena', next)).status).to.equal(303)
    expect((await lena.get('/app/acme/workspaces')).status).to.equal(200)
  })

  it('a link that was changed by a character is refused', async () => {
    const made = await admin.post('/app/admin/users', { username: 'new', email: 'new@people.example' })
    const link = linkIn(made.html)
    const changed = link.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))

    expect((await new Web(server).get(link)).status).to.equal(200)
    expect((await new Web(server).get(changed)).status).to.equal(410)
    expect((await new Web(server).get('/app/invitation/nonsense')).status).to.equal(410)
  })

  it('the list of users is there for site admins only', async () => {
    await makeUser(server, 'sam')
    const sam = new Web(server)
    await sam.signIn('sam', password)
    await sam.get('/app')

    expect((await sam.get('/app/admin/users')).status).to.equal(404)
    expect((await sam.post('/app/admin/users', { username: 'x', email: 'x@y.example', admin: '1' })).status).to.equal(
      404,
    )
  })

  it('suspending signs a person out and refuses their sign-in; restoring lets them in again', async () => {
    const id = await makeUser(server, 'kim')
    const kim = new Web(server)
    await kim.signIn('kim', password)
    await admin.get('/app/admin/users')

    await admin.post(`/app/admin/users/${id}/suspend`, {})
    expect((await kim.get('/app')).status).to.equal(303)
    expect((await new Web(server).signIn('kim', password)).status).to.equal(422)

    await admin.post(`/app/admin/users/${id}/restore`, {})
    expect((await new Web(server).signIn('kim', password)).status).to.equal(303)
  })

  it('an organization cannot take the name of a page', async () => {
    for (const name of ['login', 'Account', 'admin'])
      expect((await admin.post('/app', { name, email: 'a@b.example' })).status, name).to.equal(422)
  })
})
