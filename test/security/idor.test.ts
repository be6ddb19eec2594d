import { expect } from 'chai'
import type { Route } from '../../server/route.ts'
import { apiRoutes } from '../../server/routes.ts'
import { actions } from '../../shared/permissions.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { type Api, startServer, type TestServer } from '../support/server.ts'
import { makeWorld, neverIds, pathIn, type World } from './world.ts'

/** Routes that name no object in their path; what their bodies and filters may name is below. */
const withoutObject = new Set([
  'get /api/meta/ip-ranges',
  'get /.well-known/terraform.json',
  'get /.well-known/openid-configuration',
  'get /.well-known/jwks',
  'get /healthz',
  'get /readyz',
  'get /metrics',
  'post /oauth/token',
  'get /api/v2/ping',
  'get /api/v2/versions',
  'get /api/v2/account/details',
  'patch /api/v2/account/update',
  'patch /api/v2/account/password',
  'get /api/v2/organizations',
  'post /api/v2/organizations',
  'get /api/v2/organization-memberships',
  'get /api/v2/tasks/integrations',
  'get /api/v2/organization/audit-trail',
])

const ref = (type: string, id: string | undefined) => ({ data: { type, id } })
const list = (type: string, id: string | undefined) => ({ data: [{ type, id }] })
const doc = (attributes: object, relationships?: object) => ({
  data: { attributes, ...(relationships && { relationships }) },
})

type Ids = Record<string, string>

/** Routes whose object is in the body or the query. */
const named: Record<string, (ids: Ids) => { query?: string; body?: unknown }> = {
  'post /api/v2/runs': (b) => ({ body: doc({}, { workspace: ref('workspaces', b.workspace_id) }) }),
  'post /api/v2/plan-exports': (b) => ({
    body: doc({ 'data-type': 'sentinel-mock-bundle-v0' }, { plan: ref('plans', b['plans/:id']) }),
  }),
  'get /api/v2/team-projects': (b) => ({ query: `filter[project][id]=${b.project_id}` }),
  'post /api/v2/team-projects': (b) => ({
    body: doc({ access: 'read' }, { project: ref('projects', b.project_id), team: ref('teams', b.team_id) }),
  }),
  'get /api/v2/team-workspaces': (b) => ({ query: `filter[workspace][id]=${b.workspace_id}` }),
  'post /api/v2/team-workspaces': (b) => ({
    body: doc({ access: 'read' }, { workspace: ref('workspaces', b.workspace_id), team: ref('teams', b.team_id) }),
  }),
  'get /api/v2/state-versions': (b) => ({
    query: `filter[organization][name]=${b.organization_name}&filter[workspace][name]=${b.workspace_name}`,
  }),
  'get /api/registry/private/v2/gpg-keys': (b) => ({ query: `filter[namespace]=${b.organization_name}` }),
  'post /api/registry/private/v2/gpg-keys': (b) => ({
    body: doc({ namespace: b.organization_name, 'ascii-armor': 'x' }),
  }),
}

/** Calls of A's own routes that name objects of B. */
const mixed: [method: string, path: string, body: (b: Ids) => unknown][] = [
  ['patch', '/api/v2/workspaces/:workspace_id', (b) => doc({}, { project: ref('projects', b.project_id) })],
  [
    'patch',
    '/api/v2/workspaces/:workspace_id',
    (b) => doc({ 'execution-mode': 'agent', 'agent-pool-id': b.agent_pool_id }),
  ],
  ['patch', '/api/v2/workspaces/:workspace_id/relationships/ssh-key', (b) => doc({ id: b.ssh_key_id })],
  [
    'post',
    '/api/v2/workspaces/:workspace_id/relationships/remote-state-consumers',
    (b) => list('workspaces', b.workspace_id),
  ],
  [
    'post',
    '/api/v2/workspaces/:workspace_id/run-triggers',
    (b) => doc({}, { sourceable: ref('workspaces', b.workspace_id) }),
  ],
  [
    'post',
    '/api/v2/workspaces/:workspace_id/tasks',
    (b) => doc({ 'enforcement-level': 'advisory' }, { task: ref('tasks', b['/api/v2/tasks/:id']) }),
  ],
  ['post', '/api/v2/projects/:project_id/relationships/workspaces', (b) => list('workspaces', b.workspace_id)],
  ['post', '/api/v2/varsets/:varset_id/relationships/workspaces', (b) => list('workspaces', b.workspace_id)],
  ['post', '/api/v2/varsets/:varset_id/relationships/projects', (b) => list('projects', b.project_id)],
  ['post', '/api/v2/teams/:team_id/relationships/users', (b) => list('users', b.member_name)],
  [
    'post',
    '/api/v2/teams/:team_id/relationships/organization-memberships',
    (b) => list('organization-memberships', b.membership_id),
  ],
  ['post', '/api/v2/tags/:tag_id/relationships/workspaces', (b) => list('workspaces', b.workspace_id)],
  [
    'post',
    '/api/v2/team-workspaces',
    (b) => doc({ access: 'read' }, { workspace: ref('workspaces', b.own_workspace), team: ref('teams', b.team_id) }),
  ],
  [
    'post',
    '/api/v2/team-projects',
    (b) => doc({ access: 'read' }, { project: ref('projects', b.own_project), team: ref('teams', b.team_id) }),
  ],
  [
    'post',
    '/api/v2/runs',
    (b) =>
      doc(
        {},
        {
          workspace: ref('workspaces', b.own_workspace),
          'configuration-version': ref('configuration-versions', b.configuration_version_id),
        },
      ),
  ],
  [
    'patch',
    '/api/v2/agent-pools/:agent_pool_id',
    (b) => doc({}, { 'allowed-workspaces': list('workspaces', b.workspace_id) }),
  ],
  ['post', '/api/v2/oauth-clients/:oauth_client_id/relationships/projects', (b) => list('projects', b.project_id)],
  ['delete', '/api/v2/organizations/:organization_name/tags', (b) => list('tags', b.tag_id)],
]

/** Of these there is nothing to be read, for the owners of B neither. */
const emptyHere = [
  '/api/v2/state-versions/:state_version_id/json-download',
  '/api/v2/applies/:id/errored-state',
  // those of other people are nobody's
  '/api/v2/users/:user_id/authentication-tokens',
  '/api/v2/organizations/:organization_name/registry-modules/:registry_name/:namespace/:name/:provider/version',
  '/api/v2/plan-exports/:plan_export_id/download',
  '/api/v2/organizations/:organization_name/relationships/data-retention-policy',
  '/api/v2/workspaces/:workspace_id/relationships/data-retention-policy',
]

const key = (route: Pick<Route, 'method' | 'path'>) => `${route.method} ${route.path}`

describe('SEC-01: ids of another organization', function () {
  this.timeout(300_000)
  let server: TestServer
  let a: World
  let b: World
  let callers: [name: string, api: Api][]

  before(async () => {
    server = await startServer()
    a = await makeWorld(server)
    b = await makeWorld(server)
    const owners = await server.app.db.transaction(async (tx) => {
      const user = await insertToken(tx, { kind: 'user', userId: a.member.userId })
      const organization = await insertToken(tx, { kind: 'organization', organizationId: a.organization.id })
      return { user, organization }
    })
    const { teams } = await ownersTeam()
    expect(teams).to.equal(204)
    callers = [
      ['an owner of A', server.as(owners.user.token)],
      ['SEC-15: the organization token of A', server.as(owners.organization.token)],
      ['SEC-15: a team token of A', a.member.teamApi],
    ]
  })
  after(() => server?.stop())

  async function ownersTeam() {
    const all = await server.api.get(`/organizations/${a.organization.name}/teams`)
    const owners = all.json.data.find((t: { attributes: { name: string } }) => t.attributes.name === 'owners')
    const added = await server.api.post(`/teams/${owners.id}/relationships/users`, list('users', a.member.username))
    return { teams: added.status }
  }

  const callOf = (route: Route, ids: Ids): { path: string; body?: unknown } => {
    const case_ = named[key(route)]?.(ids)
    if (!case_ && !route.path.includes(':') && !withoutObject.has(key(route)) && !isMachinery(route))
      throw new Error(`${key(route)}: a route without a case`)
    const path = pathIn(route.path, { ...ids, ...machinery })
    const body = case_?.body ?? (route.method === 'get' || route.method === 'delete' ? undefined : doc({}))
    return { path: case_?.query ? `${path}?${case_.query}` : path, ...(body !== undefined && { body }) }
  }
  /** For site admins and agents only: closed as a whole, whatever is named. */
  const isMachinery = (route: Route) => ['site', 'agent'].includes(actions[route.action].on)
  const machinery = {
    purpose: 'state-download',
    expires: '4000000000',
    signature: 'x',
    version_id: 'tool-1',
    sign_in_provider_id: 'sip-1',
  }

  it('every route answers a stranger as if the object did not exist', async () => {
    const never = neverIds(b.ids)
    const wrong: string[] = []
    let calls = 0
    for (const [who, api] of callers) {
      for (const route of apiRoutes) {
        if (withoutObject.has(key(route)) || route.path.startsWith('/_signed/object')) continue
        const ids = { ...b.ids, 'purpose/:id': b.ids.state_version_id! }
        const theirs = callOf(route, ids)
        const none = callOf(route, { ...never, 'purpose/:id': never.state_version_id! })
        const method = route.method.toUpperCase()
        const found = await api(method, theirs.path, theirs.body)
        const missing = await api(method, none.path, none.body)
        calls++
        const allowed = isMachinery(route) ? [401, 403, 404] : [404]
        const isClosed = route.action === 'public:read' ? found.status >= 400 : allowed.includes(found.status)
        const own = route.path.endsWith('/gpg-keys') && found.status === 403
        if (
          (!isClosed && !own) ||
          found.status !== missing.status ||
          withoutIds(found.text, b.ids) !== withoutIds(missing.text, never)
        )
          wrong.push(
            `${who}: ${key(route)}: ${found.status} ${found.text.slice(0, 150)} | ${missing.status} ${missing.text.slice(0, 150)}`,
          )
      }
    }
    expect(wrong).to.deep.equal([])
    expect(calls).to.be.greaterThan(900)
  })

  it('the same addresses are found by those who may: the test asks for what exists', async () => {
    const absent: string[] = []
    for (const route of apiRoutes) {
      if (route.method !== 'get' || withoutObject.has(key(route)) || isMachinery(route)) continue
      if (route.action === 'public:read') continue
      const { path } = callOf(route, b.ids)
      const answer = await server.api.get(path)
      if (answer.status === 404) absent.push(route.path)
    }

    expect(absent).to.have.members(emptyHere)
  })

  /** An answer may repeat what was asked for. */
  const withoutIds = (text: string, ids: Ids) =>
    Object.values(ids)
      .filter((id) => id.length > 8)
      .reduce((rest, id) => rest.replaceAll(id, '*'), text)

  it('an object of B is not taken in by a call about an object of A', async () => {
    const never = neverIds(b.ids)
    const wrong: string[] = []
    const [, api] = callers[0]!
    const own = { own_workspace: a.ids.workspace_id!, own_project: a.ids.project_id! }
    for (const [method, path, body] of mixed) {
      const call = (ids: Ids) => api(method.toUpperCase(), pathIn(path, a.ids), body({ ...ids, ...own }))
      const theirs = await call({ ...b.ids, member_name: b.member.username })
      const none = await call({ ...never, member_name: 'nobody-at-all' })
      if (
        theirs.status !== none.status ||
        withoutIds(theirs.text, { ...b.ids, n: b.member.username }) !==
          withoutIds(none.text, { ...never, n: 'nobody-at-all' })
      )
        wrong.push(
          `${method} ${path}: ${theirs.status} ${theirs.text.slice(0, 200)} | ${none.status} ${none.text.slice(0, 200)}`,
        )
      if (theirs.status < 400 && !['delete'].includes(method))
        wrong.push(`${method} ${path}: took it (${theirs.status})`)
    }
    expect(wrong).to.deep.equal([])
  })

  it('nothing of B was changed by any of it', async () => {
    for (const path of ['workspaces/:workspace_id', 'runs/:run_id', 'teams/:team_id', 'varsets/:varset_id', 'tags']) {
      const target = path === 'tags' ? '/api/v2/organizations/:organization_name/tags' : `/api/v2/${path}`
      const answer = await server.api.get(pathIn(target, b.ids))
      expect(answer.status, path).to.equal(200)
      if (path === 'tags') expect(answer.json.data).to.have.length(1)
    }
    const run = await server.api.get(`/runs/${b.ids.run_id}`)
    expect(run.json.data.attributes.status).to.equal('planned')
  })
})
