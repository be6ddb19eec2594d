import { connect } from 'node:net'
import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { pageRoutes } from '../../server/page-routes.ts'
import { apiRoutes } from '../../server/routes.ts'
import { actions } from '../../shared/permissions.ts'
import { makeOrganization, makeWorkspace } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { makeWorld } from './world.ts'

describe('the edges of the server', function () {
  this.timeout(60_000)
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server?.stop())

  it('SEC-16: a person of A finds nothing of a run of B, in the browser neither', async () => {
    const b = await makeWorld(server)
    await makeUser(server, 'stranger')
    const web = new Web(server)
    await web.get('/app/login')
    await web.signIn('stranger', password)
    const base = `/app/${b.organization.name}/workspaces/${b.ids.workspace_name}/runs/${b.ids.run_id}`
    const never = await web.get('/app/no-such-org/workspaces/none/runs/run-0000000000000000')
    for (const path of ['', '/plan', '/json', '/plan-log', '/log/plan', '/apply-log', '/log/apply', '/live']) {
      const page = await web.get(base + path)
      expect(page.status, path).to.equal(404)
      if (path === '')
        expect(page.html.replaceAll(base, '')).to.equal(never.html.replaceAll(/\/app\/no-such-org[\w/-]*/g, ''))
    }
  })

  it('SEC-31: HTML, script links and remote images in descriptions, comments and messages stay text', async () => {
    const world = await makeWorld(server)
    const hostile =
      '<img src=https://evil.example/x onerror=alert(1)><script>alert(2)</script> [a](javascript:alert(3)) ![i](https://evil.example/i.png)'
    const path = `/workspaces/${world.ids.workspace_id}`
    expect((await server.api.patch(path, document({ description: hostile }))).status).to.equal(200)
    expect((await server.api.post(`/runs/${world.ids.run_id}/comments`, document({ body: hostile }))).status).to.equal(
      201,
    )
    const run = await server.api.post(
      '/runs',
      document({ message: hostile }, { workspace: { data: { type: 'workspaces', id: world.ids.workspace_id } } }),
    )
    await server.app.db.query(
      sql.void`update task_results set message = ${hostile} where id = ${world.ids.task_result_id!}`,
    )
    await makeUser(server, 'html-reader', { isSiteAdmin: true })
    const web = new Web(server)
    await web.get('/app/login')
    await web.signIn('html-reader', password)
    const base = `/app/${world.organization.name}/workspaces`
    const workspace = `${base}/${world.ids.workspace_name}`
    let shown = 0
    for (const page of [
      base,
      workspace,
      `${workspace}/settings/general`,
      `${workspace}/runs`,
      `${workspace}/runs/${world.ids.run_id}`,
      `${workspace}/runs/${run.json.data.id}`,
    ]) {
      const { html, status } = await web.get(page)
      expect(status, page).to.equal(200)
      expect(html, page).not.to.match(/<script>alert|<img[^>]*evil|href="javascript:|src="https:\/\/evil/i)
      shown += Number(html.includes('alert(2)'))
    }
    expect(shown).to.be.greaterThan(3)
  })

  it('SEC-37: an anonymous client learns no version, stack, SQL, path or host', async () => {
    const anonymous = server.as(null)
    const paths = [
      '/app',
      '/app/login',
      '/healthz',
      '/readyz',
      '/metrics',
      '/no/such/path',
      '/api/v2/runs/%00',
      '/api/v2/%E0%A4%A',
      '/app/queue',
      '/_signed/a/b/c/d',
      '/api/v2/organizations/x?page[size]=1e99',
    ]
    for (const path of paths) {
      const answer = await anonymous('GET', server.url + path)
      const all = `${answer.text} ${JSON.stringify([...answer.headers])}`
      expect(answer.status, path).to.be.below(500)
      expect(all, path).not.to.match(
        /0\.1\.0|node_modules|\bat \/|select |postgres|PostgreSQL|slonik|pg-boss|x-powered-by|\/work\//i,
      )
      if (path === '/metrics') expect(answer.status).to.be.oneOf([401, 403, 404])
      if (/z$/.test(path)) expect(answer.text.length).to.be.lessThan(40)
    }
  })

  it('SEC-49: hostile JSON is refused or ignored, and changes no default for later requests', async () => {
    const organization = await makeOrganization(server)
    const workspace = await makeWorkspace(server, organization)
    const path = `/workspaces/${workspace.id}`
    const bodies = [
      '{"data":{"attributes":{"__proto__":{"auto-apply":true,"description":"polluted"}}}}',
      '{"data":{"attributes":{"constructor":{"prototype":{"auto-apply":true}}}}}',
      '{"data":{"attributes":{"prototype":{"auto-apply":true}},"__proto__":{"relationships":{}}},"__proto__":{"x":1}}',
      '{"data":{"attributes":{"description":"one","description":"two"}}}',
      `{"data":{"attributes":{"auto-destroy-activity-duration":${'9'.repeat(400)}}}}`,
      '{"data":{"attributes":{"description":1e999}}}',
      '{"data":{"relationships":{"__proto__":{"data":{"id":"x"}},"constructor":{"data":null}}}}',
      `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    ]
    for (const body of bodies) {
      const answer = await server.api('PATCH', path, body)
      expect(answer.status, body.slice(0, 80)).to.be.oneOf([200, 400, 422])
    }
    expect(({} as Record<string, unknown>)['auto-apply']).to.equal(undefined)
    const fresh = await makeWorkspace(server, organization)
    expect(fresh.attributes).to.include({ 'auto-apply': false, description: '' })
    const read = (await server.api.get(path)).json.data.attributes
    expect(read['auto-apply']).to.equal(false)
    expect(read.description).to.be.oneOf(['two', ''])

    const state = `{"data":{"attributes":{"serial":1e999,"md5":"${'0'.repeat(32)}","lineage":"x"}}}`
    await server.api.post(`${path}/actions/lock`)
    for (const body of [state, state.replace('1e999', '9'.repeat(400)), state.replace('1e999', '1.5')]) {
      expect((await server.api('POST', `${path}/state-versions`, body)).status).to.be.oneOf([400, 422])
    }
  })

  const open = [
    ...apiRoutes.filter((r) => actions[r.action].on === 'anyone' && !['get', 'head'].includes(r.method)),
    ...pageRoutes.filter((r) => actions[r.action].on === 'anyone' && r.method === 'post'),
  ]

  it('SEC-50: malformed and half bodies on every open address end that request only', async () => {
    expect(open.length).to.be.greaterThan(5)
    for (const { method, path } of open) {
      const target = path.replaceAll(/:\w+/g, 'x')
      for (const body of ['', '{', '{"data":', '\u0000\u0001', '%', 'a=%', '[1,', `--x\r\n`]) {
        for (const type of [
          'application/json',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
          'text/plain',
        ]) {
          const answer = await fetch(server.url + target, {
            method: method.toUpperCase(),
            headers: { 'content-type': type },
            body,
            redirect: 'manual',
          })
          await answer.arrayBuffer()
          expect(answer.status, `${method} ${path} ${type}`).to.be.below(500)
        }
      }
      await half(method, target)
    }
    expect((await server.api.get('/ping')).status).to.equal(204)
  })

  /** A body that stops in its middle: the connection is cut. */
  const half = (method: string, path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(server.url)
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `${method.toUpperCase()} ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"data":{"attr`,
          () => setTimeout(() => socket.destroy(), 10),
        )
      })
      socket.on('close', () => resolve())
      socket.on('error', reject)
    })

  it('SEC-50: a request without a token is answered 401 on every address that needs one', async () => {
    for (const route of apiRoutes.filter((r) => actions[r.action].on !== 'anyone')) {
      const path = route.path.replaceAll(/:\w+/g, 'x')
      const answer = await server.as(null)(
        route.method.toUpperCase(),
        server.url + path,
        route.method === 'get' ? undefined : document({}),
      )
      expect(answer.status, `${route.method} ${route.path}`).to.be.oneOf([401, 404])
    }
  })
})
