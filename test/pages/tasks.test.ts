import { expect } from 'chai'
import { hashPassword, updatePassword } from '../../shared/users/users.ts'
import { type Acme, makeAcme } from '../support/acme.ts'
import { at, violationsOf } from '../support/axe.ts'
import { signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { makeMember } from '../support/people.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { password, Web } from '../support/web.ts'

describe('pages of run tasks', function () {
  this.timeout(120_000)
  let server: TestServer
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  let acme: Acme
  let web: Web
  before(async () => {
    receiver = await startReceiver((req, res) => {
      res.statusCode = req.path === '/broken' ? 500 : 200
      res.end()
    })
    server = await startServer({ TOFUTF_OUTBOUND_ALLOW: '127.0.0.1' })
    acme = await makeAcme(server)
    web = acme.web
  })
  after(async () => {
    await server.stop()
    await receiver.stop()
  })

  const tasks = '/app/acme/settings/tasks'
  const attached = '/app/acme/workspaces/net/settings/tasks'
  const fields = (name: string, more: Record<string, string> = {}) => ({
    name,
    url: `${receiver.url}/ask`,
    description: '',
    enabled: 'on',
    level: 'advisory',
    ...more,
  })
  const listed = async () => (await server.api.get('/organizations/acme/tasks')).json.data

  it('a task is made after a test request, changed, and deleted by who types its name', async () => {
    const refused = await web.post(
      `${tasks}/new`,
      fields('scanner', { url: `${receiver.url}/broken`, 'hmac-key': 'sesame' }),
    )
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('id="url-error"').and.include('value="scanner"').and.not.include('sesame')
    expect((await web.post(`${tasks}/new`, fields('not a name'))).html).to.include('id="name-error"')
    expect(await listed()).to.deep.equal([])

    const made = await web.post(
      `${tasks}/new`,
      fields('scanner', { 'hmac-key': 'sesame', global: 'on', stages: 'pre_plan' }),
    )
    expect(made.location).to.equal(tasks)
    const [task] = await listed()
    expect(task.attributes['global-configuration']).to.deep.include({ enabled: true, stages: ['pre_plan'] })
    expect((await web.get(tasks)).html)
      .to.include('scanner')
      .and.include('before the plan')

    const one = `${tasks}/${task.id}`
    expect((await web.get(one)).html)
      .to.include('One is set')
      .and.not.include('sesame')
    expect((await web.post(one, fields('scanner', { global: 'on' }))).html).to.include('id="stages-error"')
    await web.post(one, fields('scanner', { description: 'Looks for open buckets' }))
    const [changed] = await listed()
    expect(changed.attributes.description).to.equal('Looks for open buckets')
    expect(changed.attributes['global-configuration'].enabled).to.equal(false)
    expect((await web.post(`${one}/delete`, { confirm: 'scan' })).status).to.equal(422)
    expect((await web.post(`${one}/delete`, { confirm: 'scanner' })).location).to.equal(tasks)
    expect(await listed()).to.deep.equal([])
  })

  it('a workspace attaches a task at its stages, changes its level, and detaches it', async () => {
    await web.post(`${tasks}/new`, fields('costs'))
    const id = (await listed()).find((t: { attributes: { name: string } }) => t.attributes.name === 'costs').id
    const of = async () => (await server.api.get(`/workspaces/${acme.workspaceId}/tasks`)).json.data

    expect((await web.post(attached, { task: id, 'enforcement-level': 'mandatory' })).html).to.include('stages-error')
    await web.post(attached, { task: id, stages: 'post_plan', 'enforcement-level': 'mandatory' })

    const [row] = await of()
    expect(row.attributes).to.deep.include({ stages: ['post_plan'], 'enforcement-level': 'mandatory' })
    expect((await web.post(attached, { task: id, stages: 'post_plan' })).html).to.include(
      'attached to this workspace already',
    )
    await web.post(`${attached}/${row.id}`, { stages: 'pre_apply', 'enforcement-level': 'advisory' })
    expect((await of())[0].attributes).to.deep.include({ stages: ['pre_apply'], 'enforcement-level': 'advisory' })
    expect((await web.post(`/app/acme/workspaces/queue/settings/tasks/${row.id}/detach`, {})).status).to.equal(404)
    await web.post(`${attached}/${row.id}/detach`, {})
    expect(await of()).to.deep.equal([])
  })

  it('who manages run tasks and nothing else finds them under settings, and a reader finds nothing', async () => {
    const signIn = async (rights: Parameters<typeof makeMember>[2]) => {
      const member = await makeMember(server, { id: acme.organizationId }, rights)
      await updatePassword(server.app.db, member.userId, await hashPassword(password))
      const signed = new Web(server)
      await signed.signIn(member.username, password)
      return signed
    }
    const manager = await signIn({ flags: ['manage-run-tasks'] })
    const { html } = await manager.get('/app/acme/workspaces')
    expect(html).to.include(`href="${tasks}"`)
    const page = await manager.get(tasks)
    expect(page.status).to.equal(200)
    expect(page.html).to.not.include('settings/general').and.not.include('settings/danger')
    expect(page.html).to.not.include('href="/app/acme/settings"')

    const reader = await signIn({ workspaces: { [acme.workspaceId]: 'read' } })
    expect((await reader.get(tasks)).status).to.be.oneOf([403, 404])
    expect((await reader.get(attached)).status).to.be.oneOf([403, 404])
    expect((await reader.get('/app/acme/workspaces/net')).html).to.not.include('/settings')
  })

  it('are used by keyboard in a browser and have no fault of accessibility in both themes, wide and narrow', async function () {
    if (!browserPath()) this.skip()
    await web.post(`${tasks}/new`, fields('watcher', { global: 'on', stages: 'post_apply' }))
    const id = (await listed()).find((t: { attributes: { name: string } }) => t.attributes.name === 'watcher').id
    const found: string[][] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      const { context, close } = await openBrowser({ colorScheme })
      try {
        const page = await context.newPage()
        await signIn(page, server.url, attached)
        await page.getByRole('heading', { name: 'Run tasks' }).waitFor()
        if (colorScheme === 'light') {
          await page.getByRole('combobox', { name: 'Task' }).selectOption({ label: 'watcher' })
          await page.getByLabel('Before the apply').check()
          await page.getByRole('button', { name: 'Attach' }).press('Enter')
          await page.getByText('Attached. Runs that start later ask it.').waitFor()
        }
        found.push(await violationsOf(page, at(server.url, { tasks, task: `${tasks}/${id}`, attached }), colorScheme))
      } finally {
        await close()
      }
    }
    expect(found.flat()).to.deep.equal([])
  })
})
