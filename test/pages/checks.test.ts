import { expect } from 'chai'
import { hashPassword, updatePassword } from '../../shared/users/users.ts'
import { violationsHere } from '../support/axe.ts'
import { consoleErrors, signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { failChecks } from '../support/checks.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { makeMember } from '../support/people.ts'
import { startReceiver } from '../support/receiver.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { finish, take } from '../support/worker.ts'

describe('checks on the page of a run', function () {
  this.timeout(120_000)
  let server: TestServer
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  let web: Web
  let workspaceId: string
  let organizationId: string
  const path = '/app/acme/workspaces/net'
  before(async () => {
    receiver = await startReceiver((_, res) => res.end())
    server = await startServer({ TOFUTF_OUTBOUND_ALLOW: '127.0.0.1' })
    await makeUser(server, 'mira', { isSiteAdmin: true })
    web = new Web(server)
    await web.signIn('mira', password)
    await web.post('/app', { name: 'acme', email: 'ops@acme.example' })
    await web.post('/app/acme/new-workspace', { name: 'net', engine: 'tofu' })
    workspaceId = (await server.api.get('/organizations/acme/workspaces/net')).json.data.id
    organizationId = (await server.api.get('/organizations/acme')).json.data.attributes['external-id']
    await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
    const task = await server.api.post(
      '/organizations/acme/tasks',
      document({ name: 'scanner', url: `${receiver.url}/ask`, category: 'task' }),
    )
    expect(task.status, task.text).to.equal(201)
    await server.api.post(
      `/workspaces/${workspaceId}/tasks`,
      document(
        { stages: ['post_plan'], 'enforcement-level': 'advisory' },
        { task: { data: { type: 'tasks', id: task.json.data.id } } },
      ),
    )
    const policy = await server.api.post(
      '/organizations/acme/policies',
      document({ name: 'no-destroy', kind: 'opa', query: 'data.a.deny', 'enforcement-level': 'mandatory' }),
    )
    await server.api.put(`/policies/${policy.json.data.id}/upload`, 'package a\n')
    const policySet = await server.api.post(
      '/organizations/acme/policy-sets',
      document(
        { name: 'guards', kind: 'opa', overridable: true, global: true },
        {
          policies: { data: [{ type: 'policies', id: policy.json.data.id }] },
        },
      ),
    )
    expect(policySet.status, policySet.text).to.equal(201)
  })
  after(async () => {
    await server.stop()
    await receiver.stop()
  })

  const statusOf = async (id: string) => (await server.api.get(`/runs/${id}`)).json.data.attributes.status

  /** A planned run whose policies failed: what the jobs write, without OPA. */
  async function held(message: string): Promise<string> {
    const id = await startRun(server.api, workspaceId, { message })
    await finish(server.app, await take(server.app, id, 'plan'), { destructions: 1 })
    expect(await statusOf(id)).to.equal('post_plan_running')
    const findings = [
      {
        id: 'PRTNR-1',
        description: 'A bucket is open',
        body: '# Why\n\nIt is **public**. <script>alert(1)</script>',
        url: 'javascript:alert(1)',
      },
      { id: 'PRTNR-2', description: 'A port is open', body: 'x'.repeat(5000), url: 'https://scanner.example/2' },
    ]
    await failChecks(server, id, { message: 'Two <b>findings</b>', findings })
    expect(await statusOf(id)).to.equal('post_plan_awaiting_decision')
    return id
  }

  it('says what tasks and policies answered, safely, and an override lets the run go on', async () => {
    const id = await held('Retire the gateway')

    const { html } = await web.get(`${path}/runs/${id}`)

    expect(html).to.include('<title>Needs a policy decision: Retire the gateway').and.include('After the plan')
    expect(html).to.include('href="https://scanner.example/1"').and.include('Two &lt;b&gt;findings&lt;/b&gt;')
    expect(html).to.include('2 findings').and.include('Severity: High').and.include('The rest is in the API.')
    expect(html).to.not.include('<script>alert').and.not.include('href="javascript')
    expect(html).to.include('no-destroy').and.include('1 mandatory one failed').and.include('can be overridden')
    const stale = await web.post(`${path}/runs/${id}/override`, { status: 'planned' })
    expect(stale.status).to.equal(409)

    const answer = await web.post(`${path}/runs/${id}/override`, {
      status: 'post_plan_awaiting_decision',
      comment: 'agreed with security',
    })

    expect(answer.status).to.equal(303)
    expect(await statusOf(id)).to.equal('post_plan_completed')
    const after = await web.get(`${path}/runs/${id}`)
    expect(after.html).to.include('Overridden').and.include('agreed with security').and.include('Confirm and apply')
    await web.post(`${path}/runs/${id}/discard`, { status: 'post_plan_completed' })
  })

  it('whoever may not override sees what failed and no button, and the form is refused', async () => {
    const id = await held('Without the right')
    const member = await makeMember(server, { id: organizationId }, { workspaces: { [workspaceId]: 'write' } })
    await updatePassword(server.app.db, member.userId, await hashPassword(password))
    const writer = new Web(server)
    await writer.signIn(member.username, password)

    const { html } = await writer.get(`${path}/runs/${id}`)
    const answer = await writer.post(`${path}/runs/${id}/override`, { status: 'post_plan_awaiting_decision' })

    expect(html)
      .to.include('no-destroy')
      .and.include('Waits for a person who may override')
      .and.not.include('/override"')
    expect(answer.status).to.be.oneOf([403, 404])
    expect(await statusOf(id)).to.equal('post_plan_awaiting_decision')
    expect(
      (await writer.post(`${path}/runs/${id}/discard`, { status: 'post_plan_awaiting_decision' })).status,
    ).to.equal(303)
  })

  it('leads to the run before and the one after it', async () => {
    const first = await startRun(server.api, workspaceId, { message: 'First' })
    const second = await startRun(server.api, workspaceId, { message: 'Second' })

    expect((await web.get(`${path}/runs/${first}`)).html).to.match(
      new RegExp(`href="${path}/runs/${second}" rel="next"`),
    )
    expect((await web.get(`${path}/runs/${second}`)).html).to.match(
      new RegExp(`href="${path}/runs/${first}" rel="prev"`),
    )
    await web.post(`${path}/runs/${second}/cancel`, { status: 'pending' })
    await server.api.post(`/runs/${first}/actions/cancel`)
  })

  it('is overridden by keyboard in a browser, without a fault of accessibility in both themes', async function () {
    if (!browserPath()) this.skip()
    const id = await held('In the browser')
    const found: string[][] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      const { context, close } = await openBrowser({ colorScheme })
      try {
        const page = await context.newPage()
        const problems = consoleErrors(page)
        await signIn(page, server.url, `${path}/runs/${id}`)
        await page.getByRole('heading', { name: 'Checks' }).waitFor()
        await page.getByText('2 findings').press('Enter')
        found.push(await violationsHere(page, 'checks', colorScheme))
        found.push(problems)
        if (colorScheme === 'dark') {
          await page.getByRole('button', { name: 'Override' }).press('Enter')
          await page.getByText('The run goes on although policies failed.').waitFor()
          expect(await statusOf(id)).to.equal('post_plan_completed')
        }
      } finally {
        await close()
      }
    }
    expect(found.flat()).to.deep.equal([])
  })
})
