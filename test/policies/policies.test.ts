import { mkdir, mkdtemp, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { parsePolicyList, WrongPolicies } from '../../shared/policies/version-archive.ts'
import { finishPhase, keepArtifact } from '../../shared/runs/hold.ts'
import { ensureBuilt } from '../clients/build.ts'
import { archiveOf } from '../support/configurations.ts'
import { eventually, startJobsFor } from '../support/jobs.ts'
import { makeOrganization } from '../support/people.ts'
import { finished, makeRunnable, statusOf, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

const DENY =
  'package terraform.policies\nimport rego.v1\ndeny contains msg if {\n  some change in input.plan.resource_changes\n  change.type == "aws_instance"\n  msg := sprintf("no instances: %s", [change.address])\n}\n'

describe('policies', () => {
  let server: TestServer
  let jobs: Awaited<ReturnType<typeof startJobsFor>>
  let organization: string

  before(async function () {
    this.timeout(10 * 60_000)
    const engines = await mkdtemp(join(tmpdir(), 'tofutf-opa-'))
    await mkdir(join(engines, 'opa', '1.4.2'), { recursive: true })
    await symlink(join(await ensureBuilt('opa'), 'opa'), join(engines, 'opa', '1.4.2', 'opa'))
    server = await startServer({ TOFUTF_ENGINE_DIR: engines })
    jobs = await startJobsFor(server)
    organization = (await makeOrganization(server)).name
  })
  after(async () => {
    await jobs.stop()
    await server.stop()
  })

  let count = 0
  const post = async (path: string, attributes: Record<string, unknown>, relationships?: Record<string, unknown>) => {
    const answer = await server.api.post(path, document(attributes, relationships))
    expect(answer.status, answer.text).to.equal(201)
    return answer.json.data
  }
  const makePolicy = async (content: string, attributes: Record<string, unknown>) => {
    const { id } = await post(`/organizations/${organization}/policies`, { name: `policy-${++count}`, ...attributes })
    expect((await server.api.put(`/policies/${id}/upload`, content)).status).to.equal(200)
    return id as string
  }
  const data = (type: string, ...ids: string[]) => ({ data: ids.map((id) => ({ type, id })) })
  const makeSet = (attributes: Record<string, unknown>, relationships: Record<string, unknown>) =>
    post(
      `/organizations/${organization}/policy-sets`,
      { name: `set-${++count}`, kind: 'opa', ...attributes },
      relationships,
    )
  const makeWorkspace = async () => (await makeRunnable(server, organization)).workspaceId
  const startRun = (workspaceId: string) =>
    post('/runs', {}, { workspace: { data: { type: 'workspaces', id: workspaceId } } })
  /** Ends the plan as a worker does, with the JSON of a plan that changes resources of these types. */
  const plan = async (runId: string, ...types: string[]) => {
    const claim = await take(server, runId, 'plan')
    const changes = types.map((type) => ({ type, address: `${type}.this`, change: { actions: ['create'] } }))
    const json = JSON.stringify({ format_version: '1.2', resource_changes: changes })
    const blob = await server.app.blobs.put(Readable.from([Buffer.from(json)]), { maxBytes: 10_000, tooLarge: '' })
    await keepArtifact(server.app, claim, 'plan-json', blob.id)
    await finishPhase(server.app, claim, finished())
  }
  const settled = (runId: string) =>
    eventually(async () => {
      const status = await statusOf(server, runId)
      return status === 'post_plan_running' ? undefined : status
    }, 30_000)
  const stageOf = async (runId: string) => (await server.api.get(`/runs/${runId}/task-stages`)).json.data[0]
  const outcomesOf = async (runId: string) => {
    const [{ id }] = (await stageOf(runId)).relationships['policy-evaluations'].data
    return (await server.api.get(`/policy-evaluations/${id}/policy-set-outcomes`)).json.data
  }
  it('a mandatory OPA policy stops the run that breaks it and lets others pass', async () => {
    const workspaceId = await makeWorkspace()
    const policy = await makePolicy(DENY, {
      kind: 'opa',
      query: 'data.terraform.policies.deny',
      'enforcement-level': 'mandatory',
    })
    await makeSet({}, { policies: data('policies', policy), workspaces: data('workspaces', workspaceId) })

    const bad = await startRun(workspaceId)
    expect(bad.relationships['task-stages'].data).to.have.length(1)
    await plan(bad.id, 'aws_instance')
    expect(await settled(bad.id)).to.equal('errored')
    const [outcome] = await outcomesOf(bad.id)
    expect(outcome.attributes.outcomes[0]).to.include({ status: 'failed', enforcement_level: 'mandatory' })

    const good = await startRun(workspaceId)
    await plan(good.id, 'aws_s3_bucket')
    expect(await settled(good.id)).to.equal('post_plan_completed')
    expect((await stageOf(good.id)).attributes.status).to.equal('passed')
  }).timeout(60_000)

  it('an overridable set waits for a decision, and the override lets the run go on', async () => {
    const workspaceId = await makeWorkspace()
    const policy = await makePolicy(DENY, {
      kind: 'opa',
      query: 'data.terraform.policies.deny',
      'enforcement-level': 'mandatory',
    })
    await makeSet(
      { overridable: true },
      { policies: data('policies', policy), workspaces: data('workspaces', workspaceId) },
    )
    const run = await startRun(workspaceId)
    await plan(run.id, 'aws_instance')

    expect(await settled(run.id)).to.equal('post_plan_awaiting_decision')
    const stage = await stageOf(run.id)
    expect(stage.attributes).to.deep.include({ status: 'awaiting_override', actions: { 'is-overridable': true } })
    const answer = await server.api.post(`/task-stages/${stage.id}/actions/override`, { comment: 'just this once' })
    expect(answer.status, answer.text).to.equal(200)
    expect(await statusOf(server, run.id)).to.equal('post_plan_completed')
    expect((await server.api.post(`/task-stages/${stage.id}/actions/override`, {})).status).to.equal(409)
  }).timeout(60_000)

  it('a policy cannot reach the network, and cannot run with an OPA that is not at hand', async () => {
    const workspaceId = await makeWorkspace()
    const code = `package net\nimport rego.v1\ndeny contains x if { x := http.send({"method": "get", "url": "${server.url}"}).status }\n`
    const policy = await makePolicy(code, { kind: 'opa', query: 'data.net.deny', 'enforcement-level': 'mandatory' })
    const relationships = { policies: data('policies', policy), workspaces: data('workspaces', workspaceId) }
    const set = await makeSet({}, relationships)

    const run = await startRun(workspaceId)
    await plan(run.id)
    expect(await settled(run.id)).to.equal('errored')
    const [outcome] = await outcomesOf(run.id)
    expect(outcome.attributes.outcomes[0].status).to.equal('errored')
    expect(outcome.attributes.error).to.include('undefined function http.send')

    await server.api.patch(`/policy-sets/${set.id}`, document({ 'policy-tool-version': '0.0.1' }))
    const other = await startRun(workspaceId)
    await plan(other.id)
    expect(await settled(other.id)).to.equal('errored')
    expect((await server.api.get(`/runs/${other.id}`)).text).to.include('No OPA 0.0.1 is at hand')
  }).timeout(60_000)

  it('an uploaded version with policies.hcl is evaluated in place of single policies', async () => {
    const workspaceId = await makeWorkspace()
    const set = await makeSet({}, { workspaces: data('workspaces', workspaceId) })
    const version = await post(`/policy-sets/${set.id}/versions`, {})
    const list =
      'policy "no-instances" {\n  # the one rule\n  query = "data.terraform.policies.deny"\n  enforcement_level = "advisory"\n}\n'
    const upload = await server.api(
      'PUT',
      version.links.upload,
      await archiveOf({ 'policies.hcl': list, 'rules/deny.rego': DENY }),
    )
    expect(upload.status, upload.text).to.equal(200)
    expect((await server.api.get(`/policy-set-versions/${version.id}`)).json.data.attributes.status).to.equal('ready')

    const run = await startRun(workspaceId)
    await plan(run.id, 'aws_instance')

    expect(await settled(run.id)).to.equal('post_plan_completed')
    const [outcome] = await outcomesOf(run.id)
    expect(outcome.attributes.outcomes).to.deep.include.members([
      {
        policy_name: 'no-instances',
        description: '',
        query: 'data.terraform.policies.deny',
        enforcement_level: 'advisory',
        status: 'failed',
      },
    ]) // prettier-ignore
  }).timeout(60_000)

  it('a Sentinel set is not passed over: its hard policies stop the run and say why', async () => {
    const workspaceId = await makeWorkspace()
    const policy = await makePolicy('main = rule { true }', { kind: 'sentinel', 'enforcement-level': 'hard-mandatory' })
    await makeSet(
      { kind: 'sentinel' },
      { policies: data('policies', policy), workspaces: data('workspaces', workspaceId) },
    )
    const run = await startRun(workspaceId)
    await plan(run.id, 'aws_instance')

    expect(await settled(run.id)).to.equal('errored')
    const { attributes } = (await server.api.get(`/runs/${run.id}`)).json.data
    expect(attributes['error-reason']).to.include('Sentinel policies cannot be evaluated by this server')
  }).timeout(60_000)

  it('an excluded workspace has no stage, an empty set neither; a global set covers all', async () => {
    const [excluded, covered] = [await makeWorkspace(), await makeWorkspace()]
    const policy = await makePolicy('x', { kind: 'opa', query: 'data.x', 'enforcement-level': 'advisory' })
    const set = await makeSet(
      { global: true },
      { policies: data('policies', policy), 'workspace-exclusions': data('workspaces', excluded) },
    )
    await makeSet({ global: true }, {})

    expect((await startRun(excluded)).relationships['task-stages'].data).to.be.empty
    expect((await startRun(covered)).relationships['task-stages'].data).to.have.length(1)
    await server.api.delete(`/policy-sets/${set.id}`)
  })

  it('sensitive parameters are never shown again', async () => {
    const set = await makeSet({}, {})
    const path = `/policy-sets/${set.id}/parameters`
    const { id, attributes } = await post(path, { key: 'k', value: 'hidden', sensitive: true, category: 'policy-set' })

    expect(attributes.value).to.equal(null)
    expect((await server.api.get(path)).text).not.to.include('hidden')
    expect((await server.api.patch(`${path}/${id}`, document({ sensitive: false }))).status).to.equal(422)
  })

  it('the list of policies is read with its comments and escapes, and odd levels are refused', () => {
    const text =
      'policy "a" {\n query = "data.a[\\"x\\"]" // why\n}\n/* policy "gone" {} */\npolicy "b" { query = "data.b" enforcement_level = "mandatory" }'
    expect(parsePolicyList(text).map((p) => [p.name, p.query, p.enforcement_level])).to.deep.equal([
      ['a', 'data.a["x"]', 'advisory'],
      ['b', 'data.b', 'mandatory'],
    ])
    expect(() => parsePolicyList('policy "c" { enforcement_level = "harsh" }')).to.throw(WrongPolicies)
  })
})
