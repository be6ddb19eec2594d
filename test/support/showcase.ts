import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { invitationCode } from '../../shared/users/invitations.ts'
import { type Acme, makeAcme } from './acme.ts'
import { failChecks } from './checks.ts'
import { document, type TestServer } from './server.ts'
import { counts, putStates, runsOf } from './showcase-runs.ts'
import { expectStatus } from './stack.ts'
import { makeUser } from './web.ts'
import { finish, take } from './worker.ts'

/** An organization `acme` that has something to show on every page, and `quiet`, where nothing was made yet. */
export interface Showcase {
  acme: Acme
  /** What the parameters of pages mean; keys as `pathIn` of test/security/world.ts reads them. */
  ids: Record<string, string>
  /** A run in each state that a person sees. */
  runs: Record<string, { workspace: string; id: string }>
}

const idOf = (location: string | null) => location!.split('/').at(-1)!

export async function makeShowcase(server: TestServer): Promise<Showcase> {
  const acme = await makeAcme(server)
  const runs = await makeRuns(server)
  const main = (await server.api.get('/organizations/acme/workspaces/network-prod')).json.data.id as string
  const ids = { ...(await makeSettings(server, acme)), ...(await makeAround(server, acme, main)) }
  await makeSite(server)
  const signInProvider = await makeProvider(server)
  await acme.web.post('/app', { name: 'quiet', email: 'ops@quiet.example' })
  await acme.web.post('/app/quiet/new-workspace', { name: 'first', engine: 'terraform' })
  const lena = await makeUser(server, 'new-person')
  return {
    acme,
    runs,
    ids: {
      organization_name: 'acme',
      workspace_name: 'network-prod',
      run_id: runs.planned!.id,
      number: '1',
      state: '42',
      code: await invitationCode(server.app, lena),
      project_id: idOf(acme.project),
      team_id: idOf(acme.team),
      agent_pool_id: idOf(acme.pool),
      varset_id: idOf(acme.set),
      sign_in_provider_id: signInProvider,
      ...ids,
    },
  }
}

async function makeRuns(server: TestServer): Promise<Showcase['runs']> {
  const { db } = server.app
  const main = await runsOf(server, 'network-prod', { description: 'Networks of the three zones', 'auto-apply': false })
  await putStates(server, main.workspaceId)
  const found: Record<string, string> = {}
  const past = async (day: number, ids: string[]) => {
    for (const table of ['created_at', 'finished_at'])
      await db.query(sql.void`
        update runs
        set ${sql.identifier([table])} = ${sql.identifier([table])} - ${day} * interval '1 day'
        where id = any(${sql.array(ids, 'text')})`)
    await db.query(sql.void`
      update phases
      set queued_at = queued_at - ${day} * interval '1 day' - interval '20 seconds',
        started_at = started_at - ${day} * interval '1 day' - ${60 + day * 9} * interval '1 second',
        finished_at = finished_at - ${day} * interval '1 day'
      where run_id = any(${sql.array(ids, 'text')})`)
  }
  for (const day of [12, 11, 9, 8, 7, 5, 4, 2])
    await past(day, [await main.applied(`Nightly rollout ${day}`), await main.unchanged(`Drift check ${day}`)])
  found.failed = await main.failed('Move the bastion to another zone')
  await past(3, [found.failed])
  found.unchanged = await main.unchanged('Refresh the docs')
  found.discarded = await main.act(await main.planned('Widen the ports of the edge', {}, false), 'discard')
  found.canceled = await main.act(await main.start('Started by mistake'), 'cancel')
  found.applied = await main.applied('Retire the legacy gateway')
  found.saved = await main.planned('Plan for the change window', { 'save-plan': true })
  found.planOnly = await main.planned('Pull request 814: tag all subnets', { 'plan-only': true })
  found.planned = await main.planned('Split NAT per zone, retire legacy gateway')
  found.pending = await main.start('Tag all subnets for cost reports')
  const places = Object.fromEntries(Object.entries(found).map(([k, id]) => [k, { workspace: main.name, id }]))

  const edge = await runsOf(server, 'edge-certificates-of-all-regions-and-their-renewal')
  const planning = await edge.planning('Renew all certificates of the edge before the winter freeze begins')
  const apps = await runsOf(server, 'apps')
  const queued = await apps.act(await apps.planned('Roll out 4.7'), 'apply')
  const data = await runsOf(server, 'data')
  const applying = (await data.applying('Grow the warehouse')).id
  return {
    ...places,
    planning: { workspace: edge.name, id: planning },
    applyQueued: { workspace: 'apps', id: queued },
    applying: { workspace: 'data', id: applying },
    decision: { workspace: 'guarded', id: await makeDecision(server) },
  }
}

/** A run that failed its policies and waits for a person. */
async function makeDecision(server: TestServer): Promise<string> {
  const { api, app } = server
  const guarded = await runsOf(server, 'guarded')
  const organization = (await api.get('/organizations/acme')).json.data.attributes['external-id'] as string
  const task = newId('task')
  await app.db.query(sql.void`
    insert into tasks (id, organization_id, name, url, description)
    values (${task}, ${organization}, 'scanner', 'https://scanner.example/ask', 'Looks for open ports')`)
  const attached = document(
    { stages: ['post_plan'], 'enforcement-level': 'advisory' },
    { task: { data: { type: 'tasks', id: task } } },
  )
  expectStatus(await api.post(`/workspaces/${guarded.workspaceId}/tasks`, attached), 201)
  const policy = await api.post(
    '/organizations/acme/policies',
    document({ name: 'no-destroy', kind: 'opa', query: 'data.a.deny', 'enforcement-level': 'mandatory' }),
  )
  const policyId = expectStatus(policy, 201).json.data.id
  await api.put(
    `/policies/${policyId}/upload`,
    'package a\n\nimport rego.v1\n\ndeny contains "no" if input.run.is_destroy\n',
  )
  const relations = {
    policies: { data: [{ type: 'policies', id: policyId }] },
    workspaces: { data: [{ type: 'workspaces', id: guarded.workspaceId }] },
  }
  const set = document({ name: 'guards', kind: 'opa', overridable: true, description: 'What no run may do' }, relations)
  const setId = expectStatus(await api.post('/organizations/acme/policy-sets', set), 201).json.data.id
  expectStatus(
    await api.post(`/policy-sets/${setId}/parameters`, document({ key: 'limit', value: '5', category: 'policy-set' })),
    201,
  )
  const id = await guarded.start('Open port 9000')
  await finish(app, await take(app, id, 'plan'), counts)
  await failChecks(server, id)
  return id
}

async function makeSettings(server: TestServer, acme: Acme): Promise<Record<string, string>> {
  const { api } = server
  const base = '/app/acme/workspaces/network-prod'
  const { web } = acme
  await web.post(`${base}/settings/tags`, { key: 'env', value: 'prod' })
  await web.post(`${base}/settings/tags`, { key: 'blue', value: '' })
  await web.post(`${base}/settings/sharing/add`, { workspace: 'queue' })
  await web.post(`${base}/settings/triggers`, { source: 'data' })
  await web.post(`${base}/settings/access`, { team: idOf(acme.team), access: 'write' })
  await web.post(`${acme.project}/access`, { team: idOf(acme.team), access: 'read' })
  await web.post(`${acme.project}/move`, { workspace: 'apps' })
  await web.post(`${base}/variables/new`, { category: 'env', key: 'AWS_REGION', value: 'us-east-1' })
  await web.post(`${base}/variables/new`, { category: 'terraform', key: 'zones', value: '["a", "b"]', hcl: 'on' })
  await web.post(`${base}/variables/new`, { category: 'env', key: 'TOKEN', value: 'hidden', sensitive: 'on' })
  await web.post('/app/acme/settings/ssh-keys', {
    name: 'deploy',
    value: '-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IHJlYWw=\n-----END OPENSSH PRIVATE KEY-----',
  })
  await web.post(`${acme.pool}/tokens`, { description: 'rack 4' })
  await web.post(`${acme.team}/tokens`, { description: 'pipeline', days: '30' })
  await web.post('/app/account/tokens', { description: 'laptop', days: '30' })
  await web.post('/app/acme/settings/tokens/organization', {})
  await web.post('/app/acme/explorer/views', { kind: 'types', view: 'All types of resources' })
  const variables = (await web.get(`${base}/variables`)).html
  const inSet = (await web.get(acme.set)).html
  const list = async (path: string) => expectStatus(await api.get(`/organizations/acme/${path}`), 200).json.data
  const registry = async (kind: string) => (await web.get(`/app/acme/registry/${kind}`)).html
  return {
    'workspaces/vars': /variables\/(var-\w+)/.exec(variables)![1]!,
    'varsets/vars': /variables\/(var-\w+)/.exec(inSet)![1]!,
    task_id: (await list('tasks'))[0].id,
    policy_id: (await list('policies'))[0].id,
    policy_set_id: (await list('policy-sets'))[0].id,
    'modules/:id': /mod-\w+/.exec(await registry('modules'))![0],
    'providers/:id': /prov-\w+/.exec(await registry('providers'))![0],
  }
}

/** What the outside would have left: agents, deliveries of a notification. */
async function makeAround(server: TestServer, acme: Acme, workspaceId: string): Promise<Record<string, string>> {
  const { api, app } = server
  for (const [name, status, ago] of [
    ['eu-9', 'idle', 5],
    ['eu-10', 'busy', 3],
    ['eu-2', 'unknown', 4000],
  ] as const)
    await app.db.query(sql.void`
      insert into agents (id, agent_pool_id, name, address, version, status, last_ping_at, engines)
      values (${newId('agent')}, ${idOf(acme.pool)}, ${name}, '10.2.0.7', '0.1.0', ${status},
        now() - ${ago} * interval '1 second', '[{"name": "terraform", "version": "1.11.4"}]')`)
  const notification = document({
    name: 'on-call',
    'destination-type': 'generic',
    url: 'https://hooks.example.com/x',
    enabled: false,
    triggers: ['run:needs_attention', 'run:errored'],
  })
  const made = await api.post(`/workspaces/${workspaceId}/notification-configurations`, notification)
  const id = expectStatus(made, 201).json.data.id as string
  for (const [status, code, body] of [
    ['delivered', '200', 'ok'],
    ['failed', '503', '<h1>upstream is away</h1>'],
    ['pending', '', ''],
  ] as const)
    await app.db.query(sql.void`
      insert into notification_deliveries (id, configuration_id, trigger, payload, status, attempts, code, body, sent_at)
      values (${newId('nd')}, ${id}, 'run:errored', '{"payload_version": 1}', ${status}, ${status === 'pending' ? 0 : 2},
        ${code}, ${body}, ${status === 'pending' ? null : sql.fragment`now()`})`)
  return { notification_configuration_id: id }
}

/** Workers of the site, one of which was lost. */
async function makeSite(server: TestServer): Promise<void> {
  const engines = [
    { name: 'terraform', version: '1.11.4' },
    { name: 'tofu', version: '1.10.0' },
  ]
  for (const [name, ago] of [
    ['runner-1', 4],
    ['runner-2', 6],
    ['runner-3', 5000],
  ] as const)
    await server.app.db.query(sql.void`
      insert into runners (id, name, version, concurrency, engines, heartbeat_at)
      values (${newId('runner')}, ${name}, '0.1.0', 4, ${sql.jsonb(engines)}, now() - ${ago} * interval '1 second')`)
}

/** One that is switched off: the sign-in page stays as it is. */
async function makeProvider({ api }: TestServer): Promise<string> {
  const provider = document({
    slug: 'house',
    kind: 'oidc',
    name: 'House login',
    url: 'https://login.example.com/realms/main',
    'client-id': 'tofutf',
    'client-secret': 'of the showcase',
    'allowed-domains': ['acme.example'],
    enabled: false,
  })
  return expectStatus(await api.post('/admin/sign-in-providers', provider), 201).json.data.id
}
