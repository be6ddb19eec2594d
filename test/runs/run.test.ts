import { expect } from 'chai'
import { startRun } from '../support/configurations.ts'
import { execute, finished, makeRunnable } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('a run', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  it('has, from its creation, all that the clients read at once', async () => {
    const { workspaceId, configurationId } = await makeRunnable(server, 'acme')

    const created = await server.api.post(
      '/runs',
      document(
        { message: 'hello', 'target-addrs': ['terraform_data.a'], variables: [{ key: 'x', value: '"y"' }] },
        {
          workspace: { data: { type: 'workspaces', id: workspaceId } },
        },
      ),
    )

    expect(created.status).to.equal(201)
    const { id, attributes, relationships } = created.json.data
    expect(id).to.match(/^run-[A-Za-z0-9]{16}$/)
    expect(attributes).to.deep.include({
      message: 'hello',
      source: 'tfe-api',
      refresh: true,
      'has-changes': false,
      'target-addrs': ['terraform_data.a'],
      variables: [{ key: 'x', value: '"y"' }],
    })
    expect(attributes['status-timestamps']['plan-queueable-at']).to.match(/\+00:00$/)
    expect(attributes.actions).to.have.keys('is-cancelable', 'is-confirmable', 'is-discardable', 'is-force-cancelable')
    expect(relationships['run-events'].data).to.not.be.empty
    expect(relationships['configuration-version'].data.id).to.equal(configurationId)
    expect(relationships['cost-estimate'].data).to.equal(null)
    expect(relationships['task-stages'].data).to.deep.equal([])
  })

  it('reads the same twice while nothing happens', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)

    const [one, two] = [await server.api.get(`/runs/${run}`), await server.api.get(`/runs/${run}`)]

    expect(one.text).to.equal(two.text)
  })

  it('shows its finished plan, has-changes and is-confirmable in one and the same answer', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    const seen = new Set<string>()
    let polling = true
    const poll = (async () => {
      while (polling) {
        const { data, included } = (await server.api.get(`/runs/${run}?include=plan`)).json
        seen.add(
          `${included[0].attributes.status} ${data.attributes.status} ${data.attributes['has-changes']} ${data.attributes.actions['is-confirmable']}`,
        )
      }
    })()

    await execute(server, run, 'plan')
    await server.api.get(`/runs/${run}`)
    polling = false
    await poll

    for (const line of seen) if (line.startsWith('finished')) expect(line).to.equal('finished planned true true')
  })

  it('includes only what is asked for and refuses what does not exist', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)

    const both = await server.api.get(
      `/runs/${run}?include=plan,workspace,configuration_version,created_by,task_stages`,
    )
    const unknown = await server.api.get(`/runs/${run}?include=nonsense`)

    expect(both.json.included.map((o: { type: string }) => o.type)).to.have.members([
      'plans',
      'workspaces',
      'configuration-versions',
      'users',
    ])
    expect(unknown.status).to.equal(400)
    expect(unknown.json.errors[0].title).to.equal('Invalid include parameter')
  })

  it('with a saved plan waits beside the queue and is discarded when another run changes the state', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const saved = await startRun(server.api, workspaceId, { 'save-plan': true })
    await execute(server, saved, 'plan')
    const other = await startRun(server.api, workspaceId, { 'auto-apply': true })

    await execute(server, other, 'plan')
    const whileApplying = await server.api.post(`/runs/${saved}/actions/apply`, {})
    await execute(server, other, 'apply')

    expect(whileApplying.status).to.equal(409)
    expect((await server.api.get(`/runs/${saved}`)).json.data.attributes.status).to.equal('discarded')
  })

  it('that is confirmed with a comment names who did it and carries the comment', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    await execute(server, run, 'plan')

    await server.api.post(`/runs/${run}/actions/apply`, { comment: 'looks good' })

    const { data } = (await server.api.get(`/runs/${run}`)).json
    expect(data.attributes.status).to.equal('apply_queued')
    expect(data.relationships['confirmed-by'].data.type).to.equal('users')
    const comments = (await server.api.get(`/runs/${run}/comments`)).json
    expect(comments.data[0].attributes.body).to.equal('looks good')
  })

  it('API-03 API-16 lists its events; an id that cannot exist answers 404', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    await execute(server, run, 'plan', finished(false))

    const events = (await server.api.get(`/runs/${run}/run-events`)).json.data

    expect(events.map((e: { attributes: { action: string } }) => e.attributes.action)).to.deep.equal([
      'created',
      'queued',
      'planning',
      'planned_and_finished',
    ])
    for (const id of ['x', 'run-%00', '..%2f..', 'r'.repeat(300), 'run-ü']) {
      for (const kind of ['runs', 'plans', 'applies'])
        expect((await server.api.get(`/${kind}/${id}`)).status, `${kind}/${id}`).to.equal(404)
    }
  })
})
