import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import { eventually, startJobsFor } from '../support/jobs.ts'
import { makeOrganization } from '../support/people.ts'
import { type Received, startReceiver } from '../support/receiver.ts'
import { execute, finished, makeRunnable, statusOf } from '../support/runs.ts'
import { apiClient, document, startServer, type TestServer } from '../support/server.ts'

describe('run tasks', () => {
  let server: TestServer
  let jobs: Awaited<ReturnType<typeof startJobsFor>>
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  let organization: string

  before(async () => {
    server = await startServer({ TOFUTF_OUTBOUND_ALLOW: '127.0.0.1', TOFUTF_RUN_TASK_TIMEOUT: '2' })
    jobs = await startJobsFor(server)
    receiver = await startReceiver((req, res) => {
      res.statusCode = req.path === '/broken' && req.json.stage !== 'test' ? 500 : 200
      res.end()
    })
    organization = (await makeOrganization(server)).name
  })
  after(async () => {
    await jobs.stop()
    await receiver.stop()
    await server.stop()
  })

  let count = 0
  const makeTask = async (attributes: Record<string, unknown> = {}) => {
    const body = document({ name: `task-${++count}`, url: `${receiver.url}/ask`, category: 'task', ...attributes })
    const answer = await server.api.post(`/organizations/${organization}/tasks`, body)
    expect(answer.status, answer.text).to.equal(201)
    return answer.json.data.id as string
  }
  const attach = (workspaceId: string, taskId: string, attributes: Record<string, unknown>) =>
    server.api.post(
      `/workspaces/${workspaceId}/tasks`,
      document(attributes, { task: { data: { type: 'tasks', id: taskId } } }),
    )
  const makeWorkspace = async (stages: string[], enforcement = 'mandatory', task: Record<string, unknown> = {}) => {
    const { workspaceId } = await makeRunnable(server, organization)
    const attached = await attach(workspaceId, await makeTask(task), { stages, 'enforcement-level': enforcement })
    expect(attached.status, attached.text).to.equal(201)
    return workspaceId
  }
  const startRun = async (workspaceId: string, attributes: Record<string, unknown> = {}) => {
    const run = { workspace: { data: { type: 'workspaces', id: workspaceId } } }
    const answer = await server.api.post('/runs', document(attributes, run))
    expect(answer.status, answer.text).to.equal(201)
    return answer.json.data
  }
  const asked = (runId: string, stage: string): Promise<Received> =>
    eventually(() => receiver.received.find((r) => r.json.run_id === runId && r.json.stage === stage))
  /** Calls back as the task does: at the address and with the token that it was given. */
  const callBack = ({ json }: Received, attributes: Record<string, unknown>, token = json.access_token) =>
    apiClient(server.url, token).patch(new URL(json.task_result_callback_url).pathname, document(attributes))
  const until = (runId: string, status: string, timeoutMs?: number) =>
    eventually(async () => ((await statusOf(server, runId)) === status ? status : undefined), timeoutMs)
  const stageOf = async (runId: string, n = 0) => {
    const { json } = await server.api.get(`/runs/${runId}/task-stages`)
    return json.data[n]
  }

  it('is asked in all four stages, signed, and the run goes on with each pass', async () => {
    const workspaceId = await makeWorkspace(['pre_plan', 'post_plan', 'pre_apply', 'post_apply'], 'mandatory', {
      'hmac-key': 'sesame',
    })

    const run = await startRun(workspaceId, { message: 'four stages' })

    expect(run.relationships['task-stages'].data).to.have.length(4)
    expect(run.attributes.status).to.equal('pre_plan_running')
    const first = await asked(run.id, 'pre_plan')
    expect(first.headers['x-tfc-task-signature']).to.equal(
      createHmac('sha512', 'sesame').update(first.body).digest('hex'),
    )
    expect(first.json).to.include({ run_message: 'four stages', workspace_id: workspaceId, payload_version: 1 })
    expect((await callBack(first, { status: 'passed', message: 'go' })).status).to.equal(200)
    expect(await statusOf(server, run.id)).to.equal('plan_queued')

    await execute(server, run.id, 'plan')
    expect(await statusOf(server, run.id)).to.equal('post_plan_running')
    expect((await server.api.post(`/runs/${run.id}/actions/apply`, {})).status).to.equal(409)
    await callBack(await asked(run.id, 'post_plan'), { status: 'passed' })
    const planned = (await server.api.get(`/runs/${run.id}?include=task_stages`)).json
    expect(planned.data.attributes.status).to.equal('post_plan_completed')
    expect(planned.data.attributes.actions['is-confirmable']).to.equal(true)
    expect(planned.included.map((s: { attributes: { status: string } }) => s.attributes.status)).to.deep.equal([
      'passed',
      'passed',
      'pending',
      'pending',
    ]) // prettier-ignore

    expect((await server.api.post(`/runs/${run.id}/actions/apply`, {})).status).to.equal(202)
    expect(await statusOf(server, run.id)).to.equal('pre_apply_running')
    await callBack(await asked(run.id, 'pre_apply'), { status: 'passed' })
    await execute(server, run.id, 'apply')
    expect(await statusOf(server, run.id)).to.equal('post_apply_running')
    await callBack(await asked(run.id, 'post_apply'), { status: 'failed' })
    expect(await statusOf(server, run.id)).to.equal('applied')
  })

  it('a mandatory task that fails ends the run, an advisory one does not', async () => {
    const strict = await startRun(await makeWorkspace(['pre_plan']))
    await callBack(await asked(strict.id, 'pre_plan'), { status: 'failed', message: 'too dear' })
    const ended = (await server.api.get(`/runs/${strict.id}`)).json.data.attributes
    expect(ended.status).to.equal('errored')
    expect(ended['error-reason']).to.include('too dear')

    const lenient = await startRun(await makeWorkspace(['pre_plan'], 'advisory'))
    await callBack(await asked(lenient.id, 'pre_plan'), { status: 'failed' })
    expect(await statusOf(server, lenient.id)).to.equal('plan_queued')
    expect((await stageOf(lenient.id)).attributes.status).to.equal('passed')
  })

  it('SEC-24: a result is taken once, from its own token, in time, and in known words', async () => {
    const workspaceId = await makeWorkspace(['post_plan'])
    const run = await startRun(workspaceId)
    const other = await startRun(await makeWorkspace(['pre_plan']))
    await execute(server, run.id, 'plan')
    const request = await asked(run.id, 'post_plan')
    const foreign = (await asked(other.id, 'pre_plan')).json.access_token

    expect((await callBack(request, { status: 'passed' }, foreign)).status).to.equal(401)
    expect((await callBack(request, { status: 'passed' }, 'task.x.1.y')).status).to.equal(401)
    expect((await callBack(request, { status: 'passed' }, server.siteToken)).status).to.equal(401)
    for (const status of ['errored', 'pending', 'excellent', '']) {
      expect((await callBack(request, { status })).status, status).to.equal(422)
    }
    expect(await statusOf(server, run.id)).to.equal('post_plan_running')

    const answers = await Promise.all([
      callBack(request, { status: 'passed', message: 'fine' }),
      callBack(request, { status: 'passed', message: 'fine' }),
    ])
    expect(answers.map((a) => a.status)).to.deep.equal([200, 200])
    expect((await callBack(request, { status: 'failed' })).status).to.equal(409)
    expect((await callBack(request, { status: 'running' })).status).to.equal(409)
    expect(await statusOf(server, run.id)).to.equal('post_plan_completed')
    const result = (await server.api.get(`/task-results/${request.json.task_result_id}`)).json.data.attributes
    expect(result).to.include({ status: 'passed', message: 'fine', 'workspace-task-enforcement-level': 'mandatory' })

    await server.api.post(`/runs/${other.id}/actions/cancel`, {})
    expect((await callBack(await asked(other.id, 'pre_plan'), { status: 'passed' })).status).to.equal(409)
    expect(await statusOf(server, other.id)).to.equal('canceled')
  })

  it('the token of a request opens nothing else', async () => {
    const run = await startRun(await makeWorkspace(['pre_plan']))
    const { json } = await asked(run.id, 'pre_plan')
    const task = apiClient(server.url, json.access_token)

    expect((await task.get(`/runs/${run.id}`)).status).to.equal(401)
    expect((await task.get(new URL(json.configuration_version_download_url).pathname)).status).to.equal(200)
    await server.api.post(`/runs/${run.id}/actions/cancel`, {})
  })

  it('outcomes are kept with the result', async () => {
    const run = await startRun(await makeWorkspace(['pre_plan'], 'advisory'))
    const request = await asked(run.id, 'pre_plan')
    const outcome = {
      'outcome-id': 'COST-1',
      description: 'too dear',
      body: '# Why',
      url: 'https://example.com',
      tags: { Status: [{ label: 'Denied', level: 'error' }] },
    } // prettier-ignore
    const answer = await apiClient(server.url, request.json.access_token).patch(
      new URL(request.json.task_result_callback_url).pathname,
      document({ status: 'failed' }, { outcomes: { data: [{ type: 'task-result-outcomes', attributes: outcome }] } }),
    )
    expect(answer.status, answer.text).to.equal(200)

    const [kept] = (await server.api.get(`/task-results/${request.json.task_result_id}/outcomes`)).json.data
    expect(kept.attributes).to.deep.include(outcome)
  })

  it('a task that gives no result in its time, or cannot be asked, ends as errored', async () => {
    const silent = await startRun(await makeWorkspace(['pre_plan']))
    const broken = await startRun(await makeWorkspace(['pre_plan'], 'mandatory', { url: `${receiver.url}/broken` }))

    await until(silent.id, 'errored', 30_000)
    const [stage] = (await server.api.get(`/runs/${silent.id}/task-stages`)).json.data
    const result = (await server.api.get(`/task-results/${stage.relationships['task-results'].data[0].id}`)).json.data
    expect(result.attributes.message).to.include('no result within 2 seconds')
    await eventually(async () => ((await statusOf(server, broken.id)) === 'errored' ? true : undefined), 40_000)
  }).timeout(60_000)

  it('a run without changes skips what comes after its plan, a plan-only run has no stages around an apply', async () => {
    const workspaceId = await makeWorkspace(['post_plan', 'pre_apply'])
    const run = await startRun(workspaceId)
    await execute(server, run.id, 'plan', finished(false))
    expect(await statusOf(server, run.id)).to.equal('planned_and_finished')
    expect((await stageOf(run.id)).attributes.status).to.equal('unreachable')

    const speculative = await startRun(workspaceId, { 'plan-only': true })
    expect(speculative.relationships['task-stages'].data).to.have.length(1)
    await execute(server, speculative.id, 'plan')
    await callBack(await asked(speculative.id, 'post_plan'), { status: 'passed' })
    expect(await statusOf(server, speculative.id)).to.equal('planned_and_finished')
  })

  it('a global task is asked in workspaces that it is not attached to; a disabled one is not', async () => {
    const global = await makeTask({
      'global-configuration': { enabled: true, stages: ['pre_plan'], 'enforcement-level': 'advisory' },
    })
    const { workspaceId } = await makeRunnable(server, organization)
    const run = await startRun(workspaceId)
    expect(run.attributes.status).to.equal('pre_plan_running')
    await callBack(await asked(run.id, 'pre_plan'), { status: 'passed' })
    await server.api.patch(`/tasks/${global}`, document({ enabled: false }))

    const { workspaceId: another } = await makeRunnable(server, organization)
    expect((await startRun(another)).attributes.status).to.equal('plan_queued')
  })

  it('SEC-21, SEC-23: a task at a private address or with credentials in it is refused', async () => {
    for (const url of ['http://169.254.169.254/', 'http://localhost/', 'http://user:pass@example.com/', 'file:///x']) {
      const body = document({ name: 'x', url, category: 'task' })
      const answer = await server.api.post(`/organizations/${organization}/tasks`, body)
      expect(answer.status, url).to.equal(422)
      expect(answer.text).not.to.include('user:pass')
    }
  })
})
