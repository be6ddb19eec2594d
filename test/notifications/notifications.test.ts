import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import { eventually, startJobsFor } from '../support/jobs.ts'
import { makeOrganization } from '../support/people.ts'
import { startReceiver } from '../support/receiver.ts'
import { execute, makeRunnable } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

const json = JSON.stringify

describe('notifications', () => {
  let server: TestServer
  let jobs: Awaited<ReturnType<typeof startJobsFor>>
  let organization: string

  before(async () => {
    server = await startServer({ TOFUTF_OUTBOUND_ALLOW: '127.0.0.1' })
    jobs = await startJobsFor(server)
    organization = (await makeOrganization(server)).name
  })
  after(async () => {
    await jobs.stop()
    await server.stop()
  })

  const subscribe = (workspaceId: string, url: string, attributes: Record<string, unknown> = {}) =>
    server.api.post(
      `/workspaces/${workspaceId}/notification-configurations`,
      document({
        name: 'told',
        'destination-type': 'generic',
        url,
        triggers: ['run:created'],
        enabled: true,
        ...attributes,
      }),
    )
  const startRun = (workspaceId: string, attributes: Record<string, unknown> = {}) =>
    server.api.post('/runs', document(attributes, { workspace: { data: { type: 'workspaces', id: workspaceId } } }))
  const read = async (id: string) => (await server.api.get(`/notification-configurations/${id}`)).json.data

  it('API-08: run:created posts the run, the workspace and the run’s own message, signed with the token', async () => {
    const receiver = await startReceiver()
    const { workspaceId, name } = await makeRunnable(server, organization)
    const created = await subscribe(workspaceId, receiver.url, { token: 'sesame' })
    expect(created.status, created.text).to.equal(201)
    expect(created.text).not.to.include('sesame')

    const run = (await startRun(workspaceId, { message: 'new subnets' })).json.data

    const posted = await eventually(() => receiver.received.find((r) => r.json.run_id === run.id))
    expect(posted.json).to.include({
      payload_version: 1,
      notification_configuration_id: created.json.data.id,
      run_message: 'new subnets',
      run_created_by: 'site-admin',
      workspace_id: workspaceId,
      workspace_name: name,
      organization_name: organization,
    })
    expect(Date.parse(posted.json.run_created_at)).to.be.closeTo(Date.now(), 60_000)
    expect(posted.json.run_url).to.include(`/${name}/runs/${run.id}`)
    expect(posted.json.notifications[0]).to.include({
      trigger: 'run:created',
      run_status: 'pending',
      message: 'Run Created',
    })
    const signature = createHmac('sha512', 'sesame').update(posted.body).digest('hex')
    expect(posted.headers['x-tfe-notification-signature']).to.equal(signature)
    // the first was the verification when it was switched on
    expect(receiver.received.filter((r) => r.json.run_id === run.id)).to.have.length(1)
    await receiver.stop()
  })

  it('API-09: a receiver that refuses and one that hangs neither delay the run nor the one that works', async () => {
    let hang = false
    const hanging = await startReceiver((_, res) => hang || res.end())
    const refusing = await startReceiver()
    const good = await startReceiver()
    const { workspaceId } = await makeRunnable(server, organization)
    const ids: string[] = []
    for (const { url } of [refusing, hanging, good]) ids.push((await subscribe(workspaceId, url)).json.data.id)
    await refusing.stop()
    hang = true

    const run = await startRun(workspaceId)

    expect(run.status).to.equal(201)
    await eventually(() => good.received.find((r) => r.json.run_id === run.json.data.id))
    const failure = await eventually(async () => (await read(ids[0]!)).attributes['delivery-responses'][0])
    expect(failure).to.include({ successful: 'false', code: 'The connection was refused.' })
    expect(good.received.filter((r) => r.json.run_id === run.json.data.id)).to.have.length(1)
    expect((await read(ids[2]!)).attributes['delivery-responses'][0]).to.include({ successful: 'true', code: '200' })
    await Promise.all([hanging.stop(), good.stop()])
  })

  it('tells of planning, of a decision that is needed, of the apply and of its end', async () => {
    const receiver = await startReceiver()
    const { workspaceId } = await makeRunnable(server, organization)
    const triggers = ['run:planning', 'run:needs_attention', 'run:applying', 'run:completed', 'run:errored']
    await subscribe(workspaceId, receiver.url, { triggers })
    const { id } = (await startRun(workspaceId)).json.data

    await execute(server, id, 'plan')
    await server.api.post(`/runs/${id}/actions/apply`, {})
    await execute(server, id, 'apply')
    await eventually(() => receiver.received.filter((r) => r.json.run_id === id).length === 4 || undefined)

    const told = receiver.received.filter((r) => r.json.run_id === id).map((r) => r.json.notifications[0].trigger)
    expect(told).to.have.members(['run:planning', 'run:needs_attention', 'run:applying', 'run:completed'])
    await receiver.stop()
  })

  it('Slack and Microsoft Teams get the message in their own form, a project’s configuration tells of its workspaces', async () => {
    const receiver = await startReceiver()
    const { workspaceId } = await makeRunnable(server, organization)
    const workspace = (await server.api.get(`/workspaces/${workspaceId}`)).json.data
    const project = workspace.relationships.project.data.id
    await subscribe(workspaceId, `${receiver.url}/slack`, { 'destination-type': 'slack' })
    const ofProject = await server.api.post(
      `/projects/${project}/notification-configurations`,
      document({
        name: 'p',
        'destination-type': 'microsoft-teams',
        url: `${receiver.url}/teams`,
        triggers: ['run:created'],
        enabled: true,
      }),
    )
    expect(ofProject.status, ofProject.text).to.equal(201)

    const run = (await startRun(workspaceId, { message: 'a <b>' })).json.data

    const slack = await eventually(() => receiver.received.find((r) => r.path === '/slack' && r.body.includes(run.id)))
    expect(slack.json.text).to.match(/^Run Created: /)
    expect(slack.json.attachments[0].text).to.include('a &lt;b&gt;')
    const teams = await eventually(() => receiver.received.find((r) => r.path === '/teams' && r.body.includes(run.id)))
    expect(teams.json).to.include({ '@type': 'MessageCard' })
    await server.api.delete(`/notification-configurations/${ofProject.json.data.id}`)
    await receiver.stop()
  })

  it('SEC-21, SEC-23: addresses that must not be reached are refused with 422 when they are saved', async () => {
    const { workspaceId } = await makeRunnable(server, organization)
    for (const url of [
      'http://169.254.169.254/',
      'http://[::1]/',
      'http://[::ffff:10.0.0.1]/',
      'http://localhost/',
      'http://user:pass@example.com/',
      'http://exam\nple.com/',
      'file:///etc/passwd',
      'gopher://example.com/',
      '',
    ]) {
      // prettier-ignore
      const answer = await subscribe(workspaceId, url, { enabled: false })
      expect(answer.status, url).to.equal(422)
      expect(answer.text).not.to.include('user:pass')
    }
    const saved = await subscribe(workspaceId, 'http://example.com/hook', { enabled: false })
    const change = await server.api.patch(
      `/notification-configurations/${saved.json.data.id}`,
      document({ url: 'http://10.0.0.1/' }),
    )
    expect(change.status).to.equal(422)
  })

  it('SEC-22: the redirect of a receiver is not followed', async () => {
    const second = await startReceiver()
    let redirect = false
    const first = await startReceiver((_, res) => {
      if (redirect) res.writeHead(302, { Location: `${second.url}/inside` })
      res.end()
    })
    const { workspaceId } = await makeRunnable(server, organization)
    const { id } = (await subscribe(workspaceId, first.url)).json.data
    redirect = true

    await server.api.post(`/notification-configurations/${id}/actions/verify`)

    expect((await read(id)).attributes['delivery-responses'][0]).to.include({ successful: 'false', code: '302' })
    expect(second.received).to.be.empty
    await Promise.all([first.stop(), second.stop()])
  })

  it('what does not answer cannot be switched on; unknown triggers and destinations are refused', async () => {
    const gone = await startReceiver()
    await gone.stop()
    const { workspaceId } = await makeRunnable(server, organization)

    const dead = await subscribe(workspaceId, gone.url)
    const odd = await subscribe(workspaceId, 'http://example.com', { enabled: false, triggers: ['beacons:lit'] })

    expect([dead.status, odd.status]).to.deep.equal([422, 422])
    expect(json(dead.json)).to.include('The connection was refused.')
  })

  it('somebody without rights on the workspace sees no configuration', async () => {
    const { workspaceId } = await makeRunnable(server, organization)
    const { id } = (await subscribe(workspaceId, 'http://example.com', { enabled: false })).json.data

    expect((await server.as(null).get(`/notification-configurations/${id}`)).status).to.equal(401)
    const other = await makeOrganization(server)
    const token = (await server.api.post(`/organizations/${other.name}/authentication-token`)).json.data.attributes
      .token
    expect((await server.as(token).get(`/notification-configurations/${id}`)).status).to.equal(404)
  })
})
