import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { finishPhase } from '../../shared/runs/hold.ts'
import { publishModule, publishProvider, put } from '../registry/publish.ts'
import { archiveOf, startRun } from '../support/configurations.ts'
import { type Member, makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { examplePlan, keepPlan } from '../support/plans.ts'
import { finished, makeRunnable, take } from '../support/runs.ts'
import { document, type TestServer } from '../support/server.ts'
import { expectStatus } from '../support/stack.ts'
import { putState } from '../support/states.ts'

/** An organization with one object of every kind, by the name that a path has for it. */
export interface World {
  organization: { id: string; name: string; projectId: string }
  member: Member
  /** `workspace_id` or, where one name means several things, `plans/:id` (with the segment before it). */
  ids: Record<string, string>
}

const ref = (type: string, id: string) => ({ data: { type, id } })
const refs = (type: string, id: string) => ({ data: [{ type, id }] })

export async function makeWorld(server: TestServer, name?: string): Promise<World> {
  const { api, app } = server
  const { db } = app
  const organization = await makeOrganization(server, name)
  const inOrganization = `/organizations/${organization.name}`
  const make = async (path: string, attributes: Record<string, unknown>, relations?: Record<string, unknown>) =>
    expectStatus(await api.post(path, document(attributes, relations)), 201).json.data
  const one = async (statement: string): Promise<string> =>
    (await db.one({ ...sql.type(z.object({ id: z.string() }))`select ''`, sql: statement, values: [] })).id

  const workspace = await makeRunnable(server, organization.name)
  const second = (await makeWorkspace(server, organization)).id as string
  await putState(api, workspace.workspaceId, {
    resources: { a: 'x' },
    outputs: { name: { value: 'v', type: 'string' } },
  })
  const states = await api.get(`/workspaces/${workspace.workspaceId}/current-state-version?include=outputs`)
  const stateVersion = states.json.data.id as string
  const outputs = (await api.get(`/state-versions/${stateVersion}/outputs`)).json.data

  const runId = await startRun(api, workspace.workspaceId, {}, workspace.configurationId)
  const claim = await take(server, runId, 'plan')
  await keepPlan(app, claim, examplePlan())
  await finishPhase(app, claim, finished())
  const run = (await api.get(`/runs/${runId}`)).json.data
  const planId = run.relationships.plan.data.id as string
  const comment = await make(`/runs/${runId}/comments`, { body: 'looks good' })
  const events = (await api.get(`/runs/${runId}/run-events`)).json.data
  const planExport = newId('pe')
  await db.query(sql.void`
    insert into plan_exports (id, plan_id, data_type) values (${planExport}, ${planId}, 'sentinel-mock-bundle-v0')`)

  const member = await makeMember(server, organization, {
    workspaces: { [workspace.workspaceId]: 'admin' },
    projects: { [organization.projectId]: 'admin' },
  })
  const membership = await one(
    `select id from organization_memberships where organization_id = '${organization.id}' and user_id = '${member.userId}'`,
  )
  const pool = await make(`${inOrganization}/agent-pools`, { name: 'pool' })
  const agentId = newId('agent')
  await db.query(sql.void`insert into agents (id, agent_pool_id, name) values (${agentId}, ${pool.id}, 'one')`)
  expectStatus(await api.post(`${inOrganization}/authentication-token`), 201)
  expectStatus(await api.post(`/teams/${member.teamId}/authentication-token`), 201)
  const teamToken = await make(`/teams/${member.teamId}/authentication-tokens`, { description: 'ci' })
  const variable = await make(`/workspaces/${workspace.workspaceId}/vars`, {
    key: 'a',
    value: 'b',
    category: 'terraform',
  })
  const varset = await make(`${inOrganization}/varsets`, { name: 'set', global: false })
  const setVariable = await make(`/varsets/${varset.id}/relationships/vars`, { key: 'a', value: 'b', category: 'env' })
  const sshKey = await make(`${inOrganization}/ssh-keys`, { name: 'key', value: PRIVATE_KEY })
  const client = await make(`${inOrganization}/oauth-clients`, {
    'service-provider': 'github',
    'http-url': 'https://github.com',
    'api-url': 'https://api.github.com',
    'oauth-token-string': 'ghp_0123456789',
  })
  const oauthToken = (await api.get(`/oauth-clients/${client.id}/oauth-tokens`)).json.data[0].id
  const reserved = await make(`${inOrganization}/reserved-tag-keys`, { key: 'reserved', 'disable-overrides': false })
  await api.post(`/workspaces/${workspace.workspaceId}/relationships/tags`, {
    data: [{ type: 'tags', attributes: { name: 'blue' } }],
  })
  const tag = (await api.get(`${inOrganization}/tags`)).json.data[0].id
  const trigger = await make(
    `/workspaces/${second}/run-triggers`,
    {},
    { sourceable: ref('workspaces', workspace.workspaceId) },
  )
  const notification = await make(`/workspaces/${workspace.workspaceId}/notification-configurations`, {
    name: 'told',
    'destination-type': 'generic',
    url: 'https://hooks.example.com/x',
    enabled: false,
    triggers: ['run:created'],
  })
  const task = newId('task')
  const workspaceTask = newId('wstask')
  const [stage, result, outcome] = [newId('ts'), newId('taskrs'), newId('taskrsoc')]
  await db.query(sql.void`
    insert into tasks (id, organization_id, name, url) values (${task}, ${organization.id}, 'task', 'https://task.example.com')`)
  await db.query(sql.void`
    insert into workspace_tasks (id, workspace_id, task_id, enforcement_level, stages)
    values (${workspaceTask}, ${workspace.workspaceId}, ${task}, 'advisory', array['post_plan'])`)
  await db.query(sql.void`insert into task_stages (id, run_id, stage) values (${stage}, ${runId}, 'post_plan')`)
  await db.query(sql.void`
    insert into task_results (id, task_stage_id, run_id, task_id, task_name, task_url, enforcement_level)
    values (${result}, ${stage}, ${runId}, ${task}, 'task', 'https://task.example.com', 'advisory')`)
  await db.query(sql.void`insert into task_result_outcomes (id, task_result_id) values (${outcome}, ${result})`)

  const policies = await insertPolicies(server, organization.id, stage)

  await publishModule(api, organization.name, { name: 'greeting', provider: 'null' }, '1.0.0', { 'main.tf': '' })
  const module = await one(`select id from registry_modules where organization_id = '${organization.id}'`)
  const noCode = await make(
    `${inOrganization}/no-code-modules`,
    {},
    { 'registry-module': ref('registry-modules', module) },
  )
  await db.query(sql.void`
    update workspaces
    set no_code_module_id = ${noCode.id}
    where id = ${workspace.workspaceId}`)
  const keyId = await publishProvider(api, organization.name, 'thing', '1.0.0')
  const provider = await one(`select id from registry_providers where organization_id = '${organization.id}'`)
  const tests = `${inOrganization}/tests/registry-modules/private/${organization.name}/greeting/null`
  const testConfiguration = (await api.post(`${tests}/test-runs/configuration-versions`)).json.data
  await put(testConfiguration.attributes['upload-url'], await archiveOf({ 'main.tf': '' }))
  const configured = { 'configuration-version': ref('configuration-versions', testConfiguration.id) }
  const testRun = await make(`${tests}/test-runs`, {}, configured)
  const testVariable = await make(`${tests}/vars`, { key: 'a', value: 'b', category: 'terraform' })
  const grant = (table: string) => one(`select id from ${table} where team_id = '${member.teamId}'`)
  expectStatus(await api.post(`/varsets/${varset.id}/relationships/workspaces`, refs('workspaces', second)), 204)

  return {
    organization,
    member,
    ids: {
      organization_name: organization.name,
      namespace: organization.name,
      registry_name: 'private',
      workspace_id: workspace.workspaceId,
      workspace_name: workspace.name,
      project_id: organization.projectId,
      team_id: member.teamId,
      user_id: member.userId,
      membership_id: membership,
      run_id: runId,
      run_event_id: events[0].id,
      run_trigger_id: trigger.id,
      configuration_version_id: workspace.configurationId,
      state_version_id: stateVersion,
      state_version_output_id: outputs[0].id,
      'plans/:id': planId,
      'applies/:id': run.relationships.apply.data.id,
      'comments/:id': comment.id,
      'registry-modules/:id': module,
      no_code_module_id: noCode.id,
      'registry-providers/:id': provider,
      '/api/v2/tasks/:id': task,
      'tasks/:id': workspaceTask,
      task_stage_id: stage,
      task_result_id: result,
      task_result_outcome_id: outcome,
      notification_configuration_id: notification.id,
      plan_export_id: planExport,
      agent_pool_id: pool.id,
      agent_id: agentId,
      token_id: teamToken.id,
      'varsets/vars': setVariable.id,
      'tests/vars': testVariable.id,
      'workspaces/vars': variable.id,
      varset_id: varset.id,
      ssh_key_id: sshKey.id,
      oauth_client_id: client.id,
      oauth_token_id: oauthToken,
      reserved_tag_key_id: reserved.id,
      tag_id: tag,
      test_run_id: testRun.id,
      key_id: keyId,
      phase_id: planId,
      'team-projects/grant': await grant('team_projects'),
      'team-workspaces/grant': await grant('team_workspaces'),
      ...policies,
      module_name: 'greeting',
      provider_name: 'thing',
      system: 'null',
      provider: 'null',
      type: 'thing',
      version: '1.0.0',
      os: 'linux',
      arch: 'amd64',
    },
  }
}

const PRIVATE_KEY = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQAAACBZ
-----END OPENSSH PRIVATE KEY-----
`

async function insertPolicies({ app }: TestServer, organizationId: string, stageId: string) {
  const { db } = app
  const [policy, set, parameter] = [newId('pol'), newId('polset'), newId('var')]
  const [version, evaluation, outcome] = [newId('polsetver'), newId('poleval'), newId('psout')]
  await db.query(sql.void`
    insert into policies (id, organization_id, name, kind, query, enforcement_level, content)
    values (${policy}, ${organizationId}, 'policy', 'opa', 'data.x', 'advisory', 'package x')`)
  await db.query(sql.void`
    insert into policy_sets (id, organization_id, name, kind) values (${set}, ${organizationId}, 'set', 'opa')`)
  await db.query(sql.void`
    insert into policy_set_parameters (id, policy_set_id, key, value, sensitive)
    values (${parameter}, ${set}, 'a', ${sql.binary(Buffer.from('x'))}, true)`)
  await db.query(sql.void`insert into policy_set_versions (id, policy_set_id) values (${version}, ${set})`)
  await db.query(sql.void`
    insert into policy_evaluations (id, task_stage_id, policy_kind, policy_set_ids)
    values (${evaluation}, ${stageId}, 'opa', ${sql.array([set], 'text')})`)
  await db.query(sql.void`
    insert into policy_set_outcomes (id, policy_evaluation_id, policy_set_name, outcomes, result_count)
    values (${outcome}, ${evaluation}, 'set', '[]', '{"passed":0,"advisory_failed":0,"mandatory_failed":0,"errored":0}')`)
  return {
    policy_id: policy,
    policy_set_id: set,
    'parameters/:id': parameter,
    policy_set_version_id: version,
    policy_evaluation_id: evaluation,
    policy_set_outcome_id: outcome,
  }
}

/** Which id of a world a parameter of a path means. */
function keyOf(path: string, name: string): string {
  if (name === 'id') {
    if (path.startsWith('/api/v2/tasks/')) return '/api/v2/tasks/:id'
    return /([\w-]+)\/:id/.exec(path)![0]
  }
  if (name === 'variable_id') return `${/\/(varsets|tests|workspaces)\//.exec(path)![1]}/vars`
  if (name === 'grant_id' && path.startsWith('/app/')) return `${/settings|projects/.exec(path)![0]}/grant`
  if (name === 'grant_id') return `${/team-(projects|workspaces)/.exec(path)![0]}/grant`
  if (name === 'name') return /registry-providers/.test(path) ? 'provider_name' : 'module_name'
  return name
}

/** The path (or a part of it) with the world's ids in it. @throws for a parameter that no world has: a route without a case */
export function pathIn(path: string, ids: Record<string, string>, part = path): string {
  return part.replaceAll(/:(\w+)/g, (_, name: string) => {
    const found = ids[keyOf(path, name)]
    if (found === undefined) throw new Error(`${path}: no case for :${name}`)
    return encodeURIComponent(found)
  })
}

/** With the parameters that pages name in their own way. */
export const ofPages = (ids: Record<string, string>): Record<string, string> => ({
  ...ids,
  'modules/:id': ids['registry-modules/:id']!,
  'providers/:id': ids['registry-providers/:id']!,
  'settings/grant': ids['team-workspaces/grant']!,
  'projects/grant': ids['team-projects/grant']!,
  task_id: ids['/api/v2/tasks/:id']!,
  workspace_task_id: ids['tasks/:id']!,
  parameter_id: ids['parameters/:id']!,
  kind: 'organization',
  number: '1',
  state: ids.state_version_id!,
  handle: 'x',
  code: 'x',
})

/** The same, with `x` for what no world has: for tests that may ask about what is not there. */
export const orX = (ids: Record<string, string>): Record<string, string> =>
  new Proxy(ids, { get: (target, name) => Reflect.get(target, name) ?? 'x' })

/** The same keys with ids that never were, of the same form. */
export function neverIds(ids: Record<string, string>): Record<string, string> {
  const fixed = new Set([
    'registry_name',
    'module_name',
    'provider_name',
    'system',
    'provider',
    'type',
    'version',
    'os',
    'arch',
  ])
  return Object.fromEntries(
    Object.entries(ids).map(([key, id]) => {
      if (fixed.has(key)) return [key, id]
      const prefix = /^([a-z]+)-[A-Za-z0-9]{16}$/.exec(id)?.[1]
      return [key, prefix ? newId(prefix) : `${id.slice(0, -4)}zzzz`]
    }),
  )
}
