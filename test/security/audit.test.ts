import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { unaudited } from '../../server/audit/record.ts'
import type { Route } from '../../server/route.ts'
import { apiRoutes } from '../../server/routes.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { makeMember } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { makeWorld, pathIn, type World } from './world.ts'

const EntryRow = z.object({
  actor_type: z.string(),
  actor_name: z.string(),
  token_id: z.string().nullable(),
  address: z.string(),
  action: z.string(),
  object_type: z.string(),
  object_id: z.string().nullable(),
  organization_id: z.string().nullable(),
  request_id: z.string(),
  before: z.unknown(),
  after: z.unknown(),
})

describe('SEC-52: the audit log', function () {
  this.timeout(180_000)
  let server: TestServer
  let world: World

  before(async () => {
    server = await startServer()
    world = await makeWorld(server)
  })
  after(() => server?.stop())

  const count = async () =>
    (await server.app.db.one(sql.type(z.object({ n: z.number() }))`select count(*)::int as n from audit_entries`)).n
  const last = () =>
    server.app.db.one(sql.type(EntryRow)`
      select actor_type, actor_name, token_id, address, action, object_type, object_id, organization_id, request_id,
        before, after
      from audit_entries
      order by at desc
      limit 1`)

  /** What a call needs to succeed, where an empty document does not do. */
  const bodies: Record<string, unknown> = {
    variables: document({ key: 'k', value: 'secret-value', category: 'env', sensitive: true }),
    '/api/v2/organizations': document({ name: 'audited', email: 'ops@acme.example' }),
    '/api/v2/organizations/:organization_name/workspaces': document({ name: 'audited' }),
    '/api/v2/organizations/:organization_name/projects': document({ name: 'audited' }),
    '/api/v2/organizations/:organization_name/teams': document({ name: 'audited' }),
    '/api/v2/organizations/:organization_name/varsets': document({ name: 'audited', global: false }),
    '/api/v2/organizations/:organization_name/agent-pools': document({ name: 'audited' }),
    '/api/v2/agent-pools/:agent_pool_id/authentication-tokens': document({ description: 'audited' }),
    '/api/v2/teams/:team_id/authentication-tokens': document({ description: 'audited' }),
    '/api/v2/runs/:run_id/comments': document({ body: 'audited' }),
    '/api/v2/organizations/:organization_name/reserved-tag-keys': document({ key: 'audited' }),
  }
  const bodyOf = (route: Route): unknown => {
    if (route.method === 'delete') return undefined
    return bodies[route.path] ?? (/vars$/.test(route.path) ? bodies.variables : document({}))
  }
  const changing = apiRoutes.filter((route) => !['get', 'head'].includes(route.method))
  /** Deletes come last, those of inner things first. */
  const ordered = [...changing].sort(
    (a, b) =>
      Number(a.method === 'delete') - Number(b.method === 'delete') ||
      Number(/delete|discard/.test(a.path)) - Number(/delete|discard/.test(b.path)) ||
      b.path.split('/').length - a.path.split('/').length,
  )

  it('each changing call of the API leaves exactly one entry when it succeeds, and none when it fails', async () => {
    const wrong: string[] = []
    const succeeded: string[] = []
    const more = {
      version_id: 'tool-1',
      sign_in_provider_id: 'sip-1',
      purpose: 'state-upload',
      'purpose/:id': 'x',
      expires: '1',
      signature: 'x',
    }
    for (const route of ordered) {
      const key = `${route.method} ${route.path}`
      const before = await count()
      const path = pathIn(route.path, { ...world.ids, ...more, name: 'a' })
      const answer = await server.api(route.method.toUpperCase(), path, bodyOf(route))
      const entries = (await count()) - before
      const expected = answer.status < 400 && !unaudited[key] ? 1 : 0
      if (entries !== expected) wrong.push(`${key}: ${answer.status} left ${entries}`)
      if (answer.status < 400) succeeded.push(key)
      if (answer.status >= 500) wrong.push(`${key}: ${answer.status} ${answer.text}`)
    }

    expect(wrong).to.deep.equal([])
    expect(succeeded.length).to.be.greaterThan(65)
    const names = changing.map((route) => `${route.method} ${route.path}`)
    expect(Object.keys(unaudited).filter((key) => !key.includes(' /app/'))).to.satisfy((keys: string[]) =>
      keys.every((key) => names.includes(key)),
    )
  })

  it('an entry names actor, token, address, object, request and the values before and after, secrets masked', async () => {
    const fresh = await makeWorld(server)
    const member = await makeMember(server, fresh.organization, {
      workspaces: { [fresh.ids.workspace_id!]: 'admin' },
    })
    const request = { 'X-Request-Id': 'request-of-the-test' }

    await member.api('PATCH', `/workspaces/${fresh.ids.workspace_id}`, document({ description: 'new' }), request)
    expect(await last()).to.deep.include({
      actor_type: 'user',
      actor_name: member.username,
      address: '127.0.0.1',
      action: 'update',
      object_type: 'workspaces',
      object_id: fresh.ids.workspace_id,
      organization_id: fresh.organization.id,
      request_id: 'request-of-the-test',
      before: { description: '' },
      after: { description: 'new' },
    })
    expect((await last()).token_id).to.match(/^at-/)

    const path = `/workspaces/${fresh.ids.workspace_id}/vars`
    const made = await member.api.post(path, bodies.variables)
    const entry = await last()
    expect(entry).to.deep.include({ action: 'create', object_type: 'variables', object_id: made.json.data.id })
    expect(entry.after).to.deep.include({ key: 'k', value: '(masked)', sensitive: true })

    const run = await member.api.post(
      '/runs',
      document({ 'plan-only': true }, { workspace: { data: { type: 'workspaces', id: fresh.ids.workspace_id } } }),
    )
    expect(await last()).to.deep.include({ object_id: run.json.data.id, organization_id: fresh.organization.id })
  })

  it('a form leaves one entry, one that is drawn again with an error none', async () => {
    await makeUser(server, 'auditor', { isSiteAdmin: true })
    const web = new Web(server)
    await web.get('/app/login')
    let before = await count()
    await web.signIn('auditor', 'a wrong one')
    expect(await count()).to.equal(before)

    await web.signIn('auditor', password)
    expect(await count()).to.equal(before + 1)
    expect(await last()).to.deep.include({ actor_name: 'auditor', action: 'login' })
    expect(JSON.stringify(await last())).not.to.include(password)

    await web.get('/app/account')
    const next = 'another one that is long enough'
    const changed = await web.post('/app/account/password', { current: password, password: next, again: next })
    expect(changed.status).to.equal(303)
    const entry = JSON.stringify(await last())
    expect(entry).to.include('"action":"update"').and.not.include(password).and.not.include(next)

    const fresh = await makeWorld(server)
    const variables = `/app/${fresh.organization.name}/workspaces/${fresh.ids.workspace_name}/variables`
    const imported = await web.post(`${variables}/import`, { text: 'password = "canary-of-an-import"' })
    expect(imported.status, imported.html).to.equal(303)
    expect(await last()).to.deep.include({ after: { text: '(masked)' }, organization_id: fresh.organization.id })

    before = await count()
    const made = await web.post('/app', { name: 'by-form', email: 'ops@acme.example' })
    expect(made.status).to.equal(303)
    expect(await count()).to.equal(before + 1)
    const refused = await web.post('/app', { name: 'by-form', email: 'ops@acme.example' })
    expect(refused.status).to.equal(422)
    expect(await count()).to.equal(before + 1)
  })

  it('no statement changes or takes away an entry', async () => {
    const { db } = server.app
    for (const statement of [
      sql.void`update audit_entries set actor_name = 'nobody'`,
      sql.void`delete from audit_entries`,
      sql.void`truncate audit_entries`,
    ]) {
      const refused = await db.query(statement).then(
        () => 'done',
        (error: Error) => String(error.cause ?? error),
      )
      expect(refused).to.match(/cannot be (changed|deleted)/)
    }
  })

  it('the audit trail is read with the token for it, page by page, and with no other kind of token', async () => {
    const fresh = await makeWorld(server)
    const { name, id } = fresh.organization
    const { token } = (await server.api.post(`/organizations/${name}/authentication-token?token=audit-trails`)).json
      .data.attributes
    const trail = server.as(token)

    const answer = await trail.get('/organization/audit-trail?page[size]=2')
    expect(answer.status, answer.text).to.equal(200)
    expect(answer.json.data).to.have.length(2)
    expect(answer.json.pagination).to.include({ current_page: 1, prev_page: null, next_page: 2 })
    expect(answer.json.data[0]).to.deep.include({ type: 'Resource', version: '0' })
    expect(answer.json.data[0].resource).to.include({ type: 'authentication-tokens', action: 'create' })
    expect(answer.json.data[0].auth).to.include({ organization_id: id })
    const later = await trail.get(`/organization/audit-trail?since=${new Date(Date.now() + 60_000).toISOString()}`)
    expect(later.json.data).to.deep.equal([])

    const user = await insertToken(server.app.db, { kind: 'user', userId: fresh.member.userId })
    for (const other of [server.as(user.token), fresh.member.teamApi, server.api]) {
      expect((await other.get('/organization/audit-trail')).status).to.equal(404)
    }
    for (const path of [
      `/organizations/${name}`,
      `/organizations/${name}/workspaces`,
      `/workspaces/${fresh.ids.workspace_id}`,
    ]) {
      expect((await trail.get(path)).status, path).to.equal(404)
    }
  })
})
