import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('signing in', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira')
  })
  after(() => server.stop())

  it('a page without a session leads to the sign-in page and comes back', async () => {
    const web = new Web(server)
    const away = await web.get('/app/acme/workspaces?q=net')
    expect(away.status).to.equal(303)
    expect(away.location).to.equal('/app/login?return_to=%2Fapp%2Facme%2Fworkspaces%3Fq%3Dnet')

    await web.get(away.location!)
    const back = await web.post('/app/login', { login: 'mira', password, return_to: '/app/acme/workspaces?q=net' })

    expect(back.status).to.equal(303)
    expect(back.location).to.equal('/app/acme/workspaces?q=net')
  })

  it('an e-mail address signs in too, in any case', async () => {
    const answer = await new Web(server).signIn('MIRA@people.example', password)

    expect(answer.location).to.equal('/app')
  })

  it('the session cookie is HttpOnly and SameSite=Lax, and plain http has no Secure one', async () => {
    const answer = await new Web(server).signIn('mira', password)

    const cookie = answer.headers.getSetCookie().find((c) => c.startsWith('tofutf_session='))
    expect(cookie).to.include('HttpOnly').and.include('SameSite=Lax').and.include('Path=/').and.not.include('Secure')
  })

  it('a wrong password and an unknown account get the same sentence and no session', async () => {
    const web = new Web(server)
    const wrong = await web.post('/app/login', { login: 'mira', password: 'no' })
    const unknown = await web.post('/app/login', { login: 'nobody', password: 'no' })

    expect([wrong.status, unknown.status]).to.deep.equal([422, 422])
    expect(wrong.html).to.include('The name or the password is wrong.')
    expect(unknown.html.replaceAll('nobody', 'mira')).to.equal(wrong.html)
    expect(web.cookies.size).to.equal(0)
  })

  it('too many attempts on one account are refused even with the right password, and only there', async () => {
    await makeUser(server, 'tarek')
    await makeUser(server, 'lena')
    const web = new Web(server)
    for (let i = 0; i < 10; i++) await web.post('/app/login', { login: 'tarek', password: 'guess' })

    const refused = await web.post('/app/login', { login: 'tarek', password })
    const other = await web.post('/app/login', { login: 'lena', password })

    expect(refused.status).to.equal(429)
    expect(other.status).to.equal(303)
  })

  it('signing out ends the session on the server', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)
    const stolen = new Map(web.cookies)

    await web.post('/app/logout', {})

    const thief = new Web(server)
    for (const [name, value] of stolen) thief.cookies.set(name, value)
    expect((await thief.get('/app')).status).to.equal(303)
  })

  it('a suspended account is out with its next request', async () => {
    const id = await makeUser(server, 'sam')
    const web = new Web(server)
    await web.signIn('sam', password)
    await server.app.db.query(suspend(id))

    expect((await web.get('/app')).status).to.equal(303)
  })

  it('a session cookie opens no API, and an API token opens no page', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)

    expect((await web.get('/api/v2/account/details')).status).to.be.oneOf([401, 404])
    expect((await web.get('/api/v2/organizations')).status).to.equal(401)
    expect((await new Web(server).get('/app', { authorization: `Bearer ${server.siteToken}` })).status).to.equal(303)
  })

  for (const to of [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '%2f%2fevil.example',
    'javascript:alert(1)',
    '/app/..//evil.example',
    '/\t/evil.example',
    '/app/login?return_to=/app/login',
  ]) {
    it(`SEC-30 after a sign-in nobody is sent to ${JSON.stringify(to)}`, async () => {
      const web = new Web(server)
      const page = await web.get(`/app/login?return_to=${encodeURIComponent(to)}`)
      const answer = await web.post('/app/login', { login: 'mira', password, return_to: to })

      expect(page.html).to.include('name="return_to" value="/app"')
      expect(answer.location).to.equal('/app')
    })
  }
})

describe('behind a router that ends TLS', () => {
  it('SEC-29 the session cookie is Secure and belongs to this host alone, and no other origin may read answers', async () => {
    const server = await startServer({ TOFUTF_URL: 'https://tofu.example' })
    try {
      await makeUser(server, 'mira')
      const answer = await new Web(server).signIn('mira', password)
      const api = await server.as(server.siteToken)('GET', '/organizations', undefined, {
        origin: 'https://evil.example',
      })

      const cookie = answer.headers.getSetCookie().find((c) => c.startsWith('__Host-tofutf_session='))
      expect(cookie).to.include('Secure').and.include('HttpOnly').and.include('SameSite=Lax')
      expect(answer.headers.get('strict-transport-security')).to.include('max-age=')
      expect(api.headers.get('access-control-allow-origin')).to.equal(null)
    } finally {
      await server.stop()
    }
  })
})

describe('forms', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira')
  })
  after(() => server.stop())

  it('a form without the token of the session changes nothing', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)

    const answer = await web.post('/app', { _csrf: 'guess', name: 'acme', email: 'a@b.example' })

    expect(answer.status).to.equal(403)
    expect((await server.api.get('/organizations/acme')).status).to.equal(404)
  })

  it('a form from a page of another site is refused although it carries the token', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]) {
      const answer = await web.post('/app', { name: 'acme', email: 'a@b.example' }, headers)
      expect(answer.status, JSON.stringify(headers)).to.equal(403)
    }
    expect((await server.api.get('/organizations/acme')).status).to.equal(404)
  })

  it('a sign-in form of another site is refused', async () => {
    const answer = await new Web(server).post(
      '/app/login',
      { login: 'mira', password },
      { origin: 'https://evil.example' },
    )

    expect(answer.status).to.equal(403)
  })

  it('a form with its token makes an organization, and its owner sees it', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)

    const made = await web.post('/app', { name: 'acme', email: 'ops@acme.example' }, { origin: server.url })

    expect(made.status).to.equal(303)
    expect(made.location).to.equal('/app/acme/workspaces')
    expect((await web.get('/app')).html).to.include('href="/app/acme/workspaces"')
  })

  it('a name that is taken comes back with the fields filled in', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)

    const answer = await web.post('/app', { name: 'acme', email: 'ops@acme.example' })

    expect(answer.status).to.equal(422)
    expect(answer.html).to.include('Name has already been taken').and.include('value="acme"')
  })

  it('a body larger than 1 MiB answers 413', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)

    expect((await web.post('/app', { name: 'x'.repeat(1024 * 1024) })).status).to.equal(413)
  })
})

describe('pages', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira')
    await server.api.post('/organizations', { data: { attributes: { name: 'secret', email: 'a@b.example' } } })
  })
  after(() => server.stop())

  it('what is not there and what may not be seen answer the same 404 page', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)
    const hidden = await web.get('/app/secret/workspaces')
    const missing = await web.get('/app/absent/workspaces')

    expect([hidden.status, missing.status]).to.deep.equal([404, 404])
    expect(hidden.html.replaceAll('secret', 'absent')).to.equal(missing.html)
  })

  it('a page allows nothing from elsewhere and nothing inline, and may not be framed', async () => {
    const { headers, html } = await new Web(server).get('/app/login')

    expect(headers.get('content-security-policy')).to.equal(
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'",
    )
    expect(headers.get('cache-control')).to.equal('private, no-store')
    expect(headers.get('access-control-allow-origin')).to.equal(null)
    expect(html).not.to.match(/<script>|style=|onclick=/)
  })

  it('assets may be kept for ever, under a name that changes with their content', async () => {
    const { html } = await new Web(server).get('/app/login')
    const paths = [...html.matchAll(/(?:href|src)="(\/assets\/[^"#]+)/g)].map((m) => m[1]!)

    expect(paths.length).to.be.greaterThan(3)
    for (const path of new Set(paths)) {
      const answer = await fetch(server.url + path)
      expect(answer.status, path).to.equal(200)
      expect(answer.headers.get('cache-control')).to.include('immutable')
    }
  })

  it('what a browser loads is at most 60 kB', async () => {
    const { html } = await new Web(server).get('/app/login')
    let bytes = 0
    for (const [, path] of html.matchAll(/(?:href|src)="(\/assets\/[^"#]+(?:css|js))"/g)) {
      const answer = await fetch(server.url + path, { headers: { 'accept-encoding': 'gzip' } })
      bytes += Number(answer.headers.get('content-length'))
    }

    expect(bytes).to.be.within(10_000, 60_000)
  })
})

function suspend(userId: string) {
  return sql.void`update users set suspended_at = now() where id = ${userId}`
}
