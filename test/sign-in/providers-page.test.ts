import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { selectClientSecret } from '../../shared/sign-in/providers.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

const SECRET = 'canary-of-the-form'
const path = '/app/admin/sign-in-providers'

describe('the page of sign-in providers', () => {
  let server: TestServer
  let web: Web
  let count = 0
  before(async () => {
    server = await startServer()
    await makeUser(server, 'ada', { isSiteAdmin: true })
    web = new Web(server)
    await web.get('/app/login')
    await web.signIn('ada', password)
  })
  after(() => server?.stop())

  const fields = (change: Record<string, string> = {}) => {
    const slug = `house-${++count}`
    return {
      kind: 'oidc',
      name: `House ${count}`,
      slug,
      url: 'https://login.example.com/realms/main',
      'client-id': 'tofutf',
      'client-secret': SECRET,
      scopes: 'openid email',
      'groups-claim': 'groups',
      'group-prefix': '',
      'allowed-domains': 'acme.example\r\nQuiet.example, ',
      enabled: 'on',
      ...change,
    }
  }
  const add = async (change: Record<string, string> = {}) => {
    const given = fields(change)
    const made = await web.post(path, given)
    expect([made.status, made.location], made.html).to.satisfy(
      ([status, to]: [number, string]) => status === 303 && to.startsWith(`${path}/sip-`),
    )
    return { ...given, href: made.location!, id: made.location!.split('/').at(-1)! }
  }
  const stored = async (id: string) =>
    (await server.api.get(`/admin/sign-in-providers/${id}`)).json?.data?.attributes as Record<string, unknown>

  it('adds one, lists it with its callback address to copy, and tells the secret on no page', async () => {
    const { id, href, slug, name } = await add({ 'creates-users': 'on' })

    expect(await stored(id)).to.deep.include({
      slug,
      kind: 'oidc',
      scopes: 'openid email',
      'allowed-domains': ['acme.example', 'quiet.example'],
      'creates-users': true,
      'links-users': false,
      enabled: true,
    })
    const callback = `data-copy="${server.url}/app/login/${slug}/callback"`
    const pages = [(await web.get(href)).html, (await web.get(path)).html]
    for (const html of pages) expect(html).to.include(callback).and.include(name).and.not.include(SECRET)
    expect((await web.get('/app/admin')).html).to.include(`href="${path}"`)
    const told = await server.app.db.any(sql.type(z.object({ entry: z.string() }))`
      select row_to_json(e)::text as entry
      from audit_entries e
      where object_id = ${id}`)
    expect(told).to.have.length(1)
    expect(told[0]!.entry).to.include(slug).and.not.include(SECRET)
  })

  it('starts with what is usual for the kind', async () => {
    const { html } = await web.get(`${path}/new?kind=github`)

    expect(html).to.include('value="https://github.com"').and.include('value="read:user user:email read:org"')
  })

  it('keeps what was typed when it is refused, points at the field, and leaves the secret out', async () => {
    const refused: [Record<string, string>, string, string][] = [
      [{ slug: 'Not So' }, 'slug', 'Slug has small letters'],
      [{ name: '' }, 'name', "Name can't be blank"],
      [{ url: 'http://login.example.com' }, 'url', 'Url must be an https address'],
      [{ scopes: 'email' }, 'scopes', 'openid'],
      [{ 'allowed-domains': 'not a domain' }, 'allowed-domains', 'is not a domain'],
      [{ slug: (await add()).slug }, 'slug', 'already been taken'],
    ]
    for (const [change, field, sentence] of refused) {
      const { status, html } = await web.post(path, fields({ 'client-id': 'typed-by-hand', ...change }))

      expect(status, field).to.equal(422)
      expect(html).to.include(sentence)
      expect(html).to.include(`href="#${field}"`).and.include('value="typed-by-hand"').and.not.include(SECRET)
      expect(html).to.match(new RegExp(`id="${field}"[^>]*aria-invalid="true"`))
    }
    const none = await web.post(path, fields({ 'client-secret': '' }))
    expect([none.status, none.html]).to.satisfy(
      ([s, html]: [number, string]) => s === 422 && /#client-secret/.test(html),
    )
  })

  it('an empty secret keeps the one that is set, another takes its place', async () => {
    const { id, href, ...given } = await add()

    const saved = await web.post(href, { ...given, name: 'Renamed', 'client-secret': '', 'allowed-domains': '' })
    expect([saved.status, saved.location]).to.deep.equal([303, href])
    expect(await stored(id)).to.deep.include({ name: 'Renamed', 'allowed-domains': [] })
    expect(await selectClientSecret(server.app, id)).to.equal(SECRET)

    await web.post(href, { ...given, 'client-secret': 'another' })
    expect(await selectClientSecret(server.app, id)).to.equal('another')
  })

  it('switches one off and on again, and nothing else of it', async () => {
    const { id, href, slug } = await add({ 'links-users': 'on' })
    const { 'updated-at': _, ...before } = await stored(id)

    await web.post(`${href}/disable`, {})
    expect(await stored(id)).to.deep.include({ ...before, enabled: false })
    expect((await new Web(server).get('/app/login')).html).not.to.include(`/app/login/${slug}`)
    await web.post(`${href}/enable`, {})

    expect(await stored(id)).to.deep.include(before)
    expect((await new Web(server).get('/app/login')).html).to.include(`/app/login/${slug}`)
  })

  it('deletes one when its name is typed, and not before', async () => {
    const { id, href, name } = await add()

    const refused = await web.post(`${href}/delete`, { confirm: 'House' })
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('Nothing was deleted')
    expect(await stored(id)).to.include({ name })

    expect((await web.post(`${href}/delete`, { confirm: name })).location).to.equal(path)
    expect((await web.get(href)).status).to.equal(404)
  })

  it('is for site admins', async () => {
    const { id, href, ...given } = await add()
    await makeUser(server, 'ben')
    const other = new Web(server)
    await other.get('/app/login')
    await other.signIn('ben', password)

    for (const page of [path, `${path}/new`, href])
      expect((await other.get(page)).status, page).to.satisfy((status: number) => [403, 404].includes(status))
    for (const form of [path, href, `${href}/disable`, `${href}/delete`]) {
      const { status } = await other.post(form, { ...given, confirm: given.name })
      expect(status, form).to.satisfy((s: number) => [403, 404].includes(s))
    }
    expect(await stored(id)).to.include({ name: given.name, enabled: true })
  })
})
