import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { unaudited } from '../../server/audit/record.ts'
import { pageRoutes } from '../../server/page-routes.ts'
import { newId } from '../../shared/ids.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { makeWorld, neverIds, ofPages, pathIn, type World } from './world.ts'

describe('pages and forms', function () {
  this.timeout(180_000)
  let server: TestServer
  let b: World
  before(async () => {
    server = await startServer()
    b = await makeWorld(server)
    const { id } = await server.app.db.one(sql.type(z.object({ id: z.string() }))`
      insert into explorer_views (id, organization_id, name, query)
      select ${newId('sq')}, id, 'view', 'kind=types'
      from organizations
      where name = ${b.ids.organization_name!}
      returning id`)
    b.ids.view_id = id
    const provider = { slug: 'house', kind: 'oidc', name: 'House', url: 'https://login.example.com', 'client-id': 'a' }
    const made = await server.api.post('/admin/sign-in-providers', document({ ...provider, 'client-secret': 'b' }))
    b.ids.sign_in_provider_id = made.json.data.id
  })
  after(() => server?.stop())

  async function signedIn(name: string, more: { isSiteAdmin?: boolean } = {}): Promise<Web> {
    await makeUser(server, name, more)
    const web = new Web(server)
    await web.get('/app/login')
    await web.signIn(name, password)
    return web
  }
  const send = (web: Web, method: string, path: string) =>
    method === 'get' ? web.get(path) : web.post(path, { name: 'x', value: 'x' })

  it('SEC-01: a stranger gets the page of what does not exist for every object of another organization', async () => {
    const web = await signedIn('stranger')
    const never = neverIds(b.ids)
    const wrong: string[] = []
    for (const { method, path } of pageRoutes) {
      if (!path.includes(':organization_name')) continue
      const [theirs, none] = [pathIn(path, ofPages(b.ids)), pathIn(path, ofPages(never))]
      if (theirs === none) continue
      const found = await send(web, method, theirs)
      const missing = await send(web, method, none)
      const text = (html: string, ids: Record<string, string>) =>
        Object.values(ids)
          .filter((id) => id.length > 6)
          .reduce((rest, id) => rest.replaceAll(id, '*'), html)
      if (found.status !== 404 || text(found.html, b.ids) !== text(missing.html, never))
        wrong.push(`${method} ${path}: ${found.status} ${missing.status} ${found.location}`)
    }
    expect(wrong.slice(0, 5)).to.deep.equal([])
  })

  it('SEC-52: every form leaves exactly one entry when it succeeds, and none when it does not', async () => {
    const web = await signedIn('forms-admin', { isSiteAdmin: true })
    const count = async () =>
      (await server.app.db.one(sql.type(z.object({ n: z.number() }))`select count(*)::int as n from audit_entries`)).n
    const last = (path: string) =>
      path.endsWith('/logout') ? 2 : Number(/password|delete|suspend|disable|end$/.test(path))
    const forms = pageRoutes.filter((r) => r.method === 'post').sort((x, y) => last(x.path) - last(y.path))
    const wrong: string[] = []
    let succeeded = 0
    for (const { path } of forms) {
      const before = await count()
      const answer = await send(web, 'post', pathIn(path, ofPages(b.ids)))
      const isDone = answer.status < 400
      const sentAway = answer.location?.startsWith('/app/login') && !path.endsWith('/logout')
      if (sentAway) wrong.push(`${path}: the session ended`)
      const expected = isDone && !unaudited[`post ${path}`] ? 1 : 0
      if ((await count()) - before !== expected)
        wrong.push(`${path}: ${answer.status} left ${(await count()) - before}`)
      if (answer.status >= 500) wrong.push(`${path}: ${answer.status}`)
      succeeded += Number(isDone)
    }
    expect(wrong.slice(0, 5)).to.deep.equal([])
    expect(succeeded).to.be.greaterThan(20)
  })
})
