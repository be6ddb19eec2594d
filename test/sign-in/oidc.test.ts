import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { randomText } from '../../shared/ids.ts'
import { type Says, startIssuer } from '../support/issuer.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { Web, type WebAnswer } from '../support/web.ts'

const SECRET = 'canary-client-secret'

describe('single sign-on', () => {
  let server: TestServer
  let issuer: Awaited<ReturnType<typeof startIssuer>>
  before(async () => {
    server = await startServer({ TOFUTF_OUTBOUND_ALLOW: '127.0.0.1', TOFUTF_LOG_LEVEL: 'fatal' })
    issuer = await startIssuer()
  })
  after(async () => {
    await issuer.stop()
    await server.stop()
  })

  const claims = (change: Record<string, unknown> = {}) => {
    const name = `mira-${randomText(8).toLowerCase()}`
    return {
      sub: randomText(12),
      email: `${name}@acme.example`,
      email_verified: true,
      preferred_username: name,
      ...change,
    }
  }
  const provider = async (change: Record<string, unknown> = {}) => {
    const slug = `p-${randomText(8).toLowerCase()}`
    const { status, text, json } = await server.api.post(
      '/admin/sign-in-providers',
      document({
        slug,
        kind: 'oidc',
        name: 'House',
        url: issuer.url,
        'client-id': 'tofutf',
        'client-secret': SECRET,
        'creates-users': true,
        ...change,
      }),
    )
    expect(status, text).to.equal(201)
    return { slug, id: json.data.id as string }
  }
  const begin = async (web: Web, slug: string, query = '') => {
    const away = await web.get(`/app/login/${slug}${query}`)
    expect(away.status, away.html).to.equal(303)
    return issuer.code(away.location!)
  }
  const signIn = async (slug: string, says: Says, web = new Web(server)): Promise<WebAnswer> => {
    issuer.says = says
    return web.get(await begin(web, slug))
  }
  const countUsers = () =>
    server.app.db.oneFirst(sql.type(z.object({ n: z.number() }))`select count(*)::int as n from users`)
  const userCalled = (name: string) =>
    server.app.db.one(sql.type(z.object({ email: z.string(), teams: z.number() }))`
      select email, (select count(*)::int from team_members m where m.user_id = u.id) as teams
      from users u
      where username = ${name}`)
  const teamOfGroup = async (name: string, group: string) => {
    const { json } = await server.api.post('/organizations', document({ name: `o-${name}`, email: 'a@b.example' }))
    await server.api.post(`/organizations/${json.data.id}/teams`, document({ name: 'p', 'sso-team-id': group }))
  }
  const refused = async (slug: string, says: Says, sentence: string) => {
    const before = await countUsers()
    const web = new Web(server)

    const answer = await signIn(slug, says, web)

    expect([answer.status, answer.html]).to.satisfy(([status]: [number]) => status >= 400 && status < 500)
    expect(answer.html).to.include('You are not signed in').and.include(sentence)
    expect(web.cookies.has('tofutf_session')).to.equal(false)
    expect(await countUsers()).to.equal(before)
  }

  it('signs in, comes back to the page that was asked for, and is the same person the next time', async () => {
    const { slug } = await provider()
    const mine = claims()
    issuer.says = { claims: mine }
    const web = new Web(server)

    const back = await web.get(await begin(web, slug, '?return_to=/app/account'))
    expect([back.status, back.location]).to.deep.equal([303, '/app/account'])
    expect((await web.get('/app/account')).html).to.include(mine.preferred_username)
    const before = await countUsers()
    await signIn(slug, { claims: mine })

    expect(await countUsers()).to.equal(before)
  })

  it('leads back to this site only', async () => {
    const { slug } = await provider()
    issuer.says = { claims: claims() }
    const web = new Web(server)

    const back = await web.get(await begin(web, slug, '?return_to=https://evil.example/'))

    expect(back.location).to.equal('/app')
  })

  it('the sign-in page names the provider, and no longer when it is switched off', async () => {
    const { slug, id } = await provider({ name: 'Acme login' })
    expect((await new Web(server).get('/app/login')).html).to.include(`/app/login/${slug}`)

    await server.api.patch(`/admin/sign-in-providers/${id}`, document({ enabled: false }))

    expect((await new Web(server).get('/app/login')).html).not.to.include(`/app/login/${slug}`)
    expect((await new Web(server).get(`/app/login/${slug}`)).status).to.equal(404)
  })

  it('SEC-34: an ID token of another issuer, for another client, with another nonce or too old is refused', async () => {
    const { slug } = await provider()
    for (const wrong of [{ iss: 'https://evil.example' }, { aud: 'other' }, { nonce: 'other' }])
      await refused(slug, { claims: claims(wrong) }, 'cannot be believed')
    await refused(slug, { claims: claims(), issuedIn: -600, expiresIn: -300 }, 'cannot be believed')
  })

  it('an ID token that another key signed, or none, is refused', async () => {
    const { slug } = await provider()
    await refused(slug, { claims: claims(), signedBy: 'other' }, 'did not confirm who you are')
    await refused(slug, { claims: claims(), signedBy: 'nobody' }, 'did not confirm who you are')
  })

  it('SEC-35: a token issued 30 seconds in the future is accepted, one of 120 seconds is not', async () => {
    const { slug } = await provider()
    expect((await signIn(slug, { claims: claims(), issuedIn: 30 })).status).to.equal(303)

    await refused(slug, { claims: claims(), issuedIn: 120 }, 'its clock')
  })

  it('a subject that cannot be kept and a key set without end are refused', async () => {
    await refused((await provider()).slug, { claims: claims({ sub: 'a\u0000b' }) }, 'cannot be kept')
    await refused((await provider()).slug, { claims: claims(), hugeKeys: true }, 'too large')
  })

  it('groups that the provider leaves out since they are too many are no empty list', async () => {
    const { slug } = await provider()
    await refused(slug, { claims: claims({ _claim_names: { groups: 'src1' } }) }, 'more groups')
  })

  it('a provider that fails, and one that is down, get a page that says so', async () => {
    await refused((await provider()).slug, { claims: claims(), tokenStatus: 500 }, 'did not confirm who you are')
    const gone = await new Web(server).get(`/app/login/${(await provider({ url: 'http://127.0.0.1:1' })).slug}`)

    expect(gone.status).to.equal(400)
    expect(gone.html).to.include('The connection was refused.')
  })

  it('who refuses there, and who has no account here, is told what to do', async () => {
    const web = new Web(server)
    const { slug } = await provider()
    const state = new URL(await begin(web, slug), server.url).searchParams.get('state')
    const denied = await web.get(`/app/login/${slug}/callback?error=access_denied&state=${state}`)
    expect(denied.html).to.include('not allowed there')

    await refused((await provider({ 'creates-users': false })).slug, { claims: claims() }, 'Ask a site admin')
  })

  it('a code of one provider is refused at the callback of another', async () => {
    const [one, other] = [await provider(), await provider()]
    issuer.says = { claims: claims() }
    const web = new Web(server)

    const answer = await web.get((await begin(web, one.slug)).replace(one.slug, other.slug))

    expect(answer.status).to.equal(400)
    expect(answer.html).to.include('not begun in this browser')
    expect(web.cookies.has('tofutf_session')).to.equal(false)
  })

  it('a callback without its cookie, with another state, or again with the same cookie is refused', async () => {
    const { slug } = await provider()
    issuer.says = { claims: claims() }
    const web = new Web(server)
    const back = await begin(web, slug)
    expect((await new Web(server).get(back)).html).to.include('not begun in this browser')
    const kept = web.cookies.get('tofutf_sign_in')!
    expect((await web.get(back)).status).to.equal(303)

    const again = new Web(server)
    again.cookies.set('tofutf_sign_in', kept)
    expect((await again.get(back)).html).to.include('came back already')
    again.cookies.set('tofutf_sign_in', 'rubbish')
    expect((await again.get(back)).status).to.equal(400)
    again.cookies.set('tofutf_sign_in', (await begin(again, slug)).slice(0, 20))
    expect((await again.get(back)).status).to.equal(400)
  })

  it('GitHub: the numeric id is the person, the verified primary address theirs, teams are groups', async () => {
    const { slug } = await provider({ kind: 'github', 'group-prefix': 'github:' })
    const login = `octo-${randomText(6).toLowerCase()}`
    const hub = {
      id: Math.floor(Math.random() * 1e9),
      login,
      emails: [
        { email: 'other@acme.example', primary: false, verified: true },
        { email: `${login}@acme.example`, primary: true, verified: true },
      ],
      teams: [{ slug: 'platform', organization: { login: 'acme' } }],
    }
    await teamOfGroup(login, 'github:acme/platform')

    expect((await signIn(slug, { claims: hub })).status).to.equal(303)

    expect(await userCalled(login)).to.deep.equal({ email: `${login}@acme.example`, teams: 1 })
  })

  it('GitLab: address and groups that only userinfo tells count, and those of another subject are refused', async () => {
    const { slug } = await provider({ kind: 'gitlab' })
    const sub = randomText(10)
    const name = `lab-${sub.toLowerCase()}`
    const userinfo = {
      sub,
      nickname: name,
      email: `${name}@acme.example`,
      email_verified: true,
      groups_direct: ['acme/platform'],
    }
    await teamOfGroup(name, 'gitlab:acme/platform')
    await refused(slug, { claims: { sub }, userinfo: { ...userinfo, sub: 'another' } }, 'House')

    expect((await signIn(slug, { claims: { sub }, userinfo })).status).to.equal(303)

    expect(await userCalled(name)).to.deep.equal({ email: `${name}@acme.example`, teams: 1 })
  })

  it('a sign-in and a new person are in the audit log; the client secret is in no entry, answer or page', async () => {
    const { slug, id } = await provider()
    const mine = claims()
    await signIn(slug, { claims: mine })

    const entries = await server.app.db.any(
      sql.type(z.object({ action: z.string(), line: z.string() }))`
        select action, row_to_json(e)::text as line
        from audit_entries e`,
    )
    const about = entries.filter((e) => e.line.includes(mine.preferred_username)).map((e) => e.action)
    expect(about.toSorted()).to.deep.equal(['create', 'login'])
    const told = [
      ...entries.map((e) => e.line),
      (await server.api.get(`/admin/sign-in-providers/${id}`)).text,
      (await server.api.get('/admin/sign-in-providers')).text,
      (await new Web(server).get('/app/login')).html,
    ].join()
    expect(told).to.include(slug).and.not.include(SECRET)
    expect(told).not.to.include(Buffer.from(SECRET).toString('base64'))
  })

  it('only site admins see and change providers; wrong ones are refused with a sentence', async () => {
    expect((await server.as(null).get('/admin/sign-in-providers')).status).to.equal(401)
    const tries = [
      { slug: 'No Slug' },
      { url: 'http://10.0.0.1' },
      { url: 'http://login.example' },
      { url: 'https://login.microsoftonline.com/common/v2.0' },
      { 'client-secret': '' },
    ]
    for (const wrong of tries) {
      const attributes = {
        slug: 'fine',
        kind: 'oidc',
        name: 'x',
        url: issuer.url,
        'client-id': 'x',
        'client-secret': 'x',
      }
      const answer = await server.api.post('/admin/sign-in-providers', document({ ...attributes, ...wrong }))
      expect(answer.status, JSON.stringify(wrong)).to.equal(422)
    }
  })

  it('a deleted provider takes its identities and what its groups brought, but no account', async () => {
    const { slug, id } = await provider()
    const mine = claims()
    await signIn(slug, { claims: mine })
    const before = await countUsers()

    expect((await server.api.delete(`/admin/sign-in-providers/${id}`)).status).to.equal(204)

    expect(await countUsers()).to.equal(before)
    expect((await server.api.get(`/admin/sign-in-providers/${id}`)).status).to.equal(404)
  })
})
