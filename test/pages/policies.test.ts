import { expect } from 'chai'
import { type Acme, makeAcme } from '../support/acme.ts'
import { at, violationsOf } from '../support/axe.ts'
import { signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('pages of policies', function () {
  this.timeout(120_000)
  let server: TestServer
  let acme: Acme
  let web: Web
  before(async () => {
    server = await startServer()
    acme = await makeAcme(server)
    web = acme.web
  })
  after(() => server.stop())

  const settings = '/app/acme/settings'
  const code = 'package terraform.policies\nimport rego.v1\ndeny contains "no" if input.run.is_destroy\n'
  const fields = (name: string) => ({
    name,
    description: 'No <b>destroy</b>',
    query: 'data.a.deny',
    level: 'mandatory',
    code,
  })
  const policies = async () => (await server.api.get('/organizations/acme/policies')).json.data
  const sets = async () => (await server.api.get('/organizations/acme/policy-sets')).json.data

  it('a policy is written, changed and deleted; its code comes back as it was typed', async () => {
    const refused = await web.post(`${settings}/policies/new`, { ...fields('no destroy'), code: '  ' })
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('id="code-error"').and.include('value="no destroy"')
    expect((await web.post(`${settings}/policies/new`, fields('no destroy'))).html).to.include('id="name-error"')

    expect((await web.post(`${settings}/policies/new`, fields('no-destroy'))).location).to.equal(`${settings}/policies`)

    const [policy] = await policies()
    expect(policy.attributes).to.include({ name: 'no-destroy', kind: 'opa', 'enforcement-level': 'mandatory' })
    expect((await server.api.get(`/policies/${policy.id}/download`)).text).to.equal(code)
    const one = `${settings}/policies/${policy.id}`
    expect((await web.get(one)).html)
      .to.include('deny contains &quot;no&quot;')
      .and.include('No &lt;b&gt;destroy')
    await web.post(one, { ...fields(''), level: 'advisory', code: `${code}# more\n` })
    expect((await policies())[0].attributes['enforcement-level']).to.equal('advisory')
    expect((await server.api.get(`/policies/${policy.id}/download`)).text).to.equal(`${code}# more\n`)
    await web.post(`${one}/delete`, {})
    expect(await policies()).to.deep.equal([])
    expect((await web.get(one)).status).to.equal(404)
  })

  it('a set holds policies, applies where it is told, has parameters, and is deleted by its name', async () => {
    await web.post(`${settings}/policies/new`, fields('guard'))
    const [policy] = await policies()
    const made = await web.post(`${settings}/policy-sets/new`, { name: 'guards', description: '', overridable: 'on' })
    const set = made.location!
    expect(set).to.match(/^\/app\/acme\/settings\/policy-sets\/polset-\w+$/)
    const project = acme.project.split('/').at(-1)!

    await web.post(`${set}/add`, { policy: policy.id })
    await web.post(`${set}/add`, { workspace: 'net' })
    await web.post(`${set}/add`, { workspace: 'queue', except: 'on' })
    await web.post(`${set}/add`, { project })
    await web.post(`${set}/parameters`, { key: 'limit', value: '5' })
    await web.post(`${set}/parameters`, { key: 'secret', value: 'sesame', sensitive: 'on' })

    const [found] = await sets()
    const ids = (name: string) => found.relationships[name].data.map((d: { id: string }) => d.id)
    expect(found.attributes).to.include({ name: 'guards', overridable: true, global: false })
    expect(ids('policies')).to.deep.equal([policy.id])
    expect(ids('workspaces')).to.deep.equal([acme.workspaceId])
    expect(ids('projects')).to.deep.equal([project])
    expect(ids('workspace-exclusions')).to.have.length(1)
    const page = await web.get(set)
    expect(page.html).to.include('workspace, left out').and.include('limit').and.not.include('sesame')
    const unknown = await web.post(`${set}/add`, { workspace: 'nowhere' })
    expect(unknown.status).to.equal(422)
    expect(unknown.html).to.include('There is no workspace “nowhere”').and.include('id="workspace-error"')
    expect((await web.post(`${set}/parameters`, { key: 'limit', value: '6' })).status).to.equal(422)

    await web.post(set, { name: 'guards', description: 'all', global: 'on' })
    await web.post(`${set}/remove`, { kind: 'policies', id: policy.id })
    const parameter = /parameters\/(var-\w+|[\w-]+)\/delete/.exec(page.html)![1]!
    await web.post(`${set}/parameters/${parameter}/delete`, {})
    const [changed] = await sets()
    expect(changed.attributes).to.include({ global: true, overridable: false, description: 'all' })
    expect(changed.relationships.policies.data).to.deep.equal([])
    expect((await web.post(`${set}/delete`, { confirm: 'guard' })).status).to.equal(422)
    expect((await web.post(`${set}/delete`, { confirm: 'guards' })).location).to.equal(`${settings}/policies`)
    expect(await sets()).to.deep.equal([])
  })

  it('what belongs to another organization is not there below this one, nor for a stranger', async () => {
    await web.post('/app', { name: 'other', email: 'ops@other.example' })
    await web.post(`${settings}/policies/new`, fields('mine'))
    const id = (await policies()).find((p: { attributes: { name: string } }) => p.attributes.name === 'mine').id
    expect((await web.get(`/app/other/settings/policies/${id}`)).status).to.equal(404)
    expect((await web.post(`/app/other/settings/policies/${id}/delete`, {})).status).to.equal(404)
    await makeUser(server, 'tarek')
    const tarek = new Web(server)
    await tarek.signIn('tarek', password)
    expect((await tarek.get(`${settings}/policies`)).status).to.equal(404)
  })

  it('are used by keyboard in a browser and have no fault of accessibility in both themes, wide and narrow', async function () {
    if (!browserPath()) this.skip()
    await web.post(`${settings}/policies/new`, fields('shown'))
    const id = (await policies()).find((p: { attributes: { name: string } }) => p.attributes.name === 'shown').id
    const set = (await web.post(`${settings}/policy-sets/new`, { name: 'shown', description: 'For the picture' }))
      .location!
    await web.post(`${set}/add`, { workspace: 'net' })
    await web.post(`${set}/parameters`, { key: 'limit', value: '5' })
    const found: string[][] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      const { context, close } = await openBrowser({ colorScheme })
      try {
        const page = await context.newPage()
        await signIn(page, server.url, set)
        await page.getByRole('heading', { name: 'Where it applies' }).waitFor()
        if (colorScheme === 'light') {
          await page.getByRole('combobox', { name: 'Policy' }).selectOption({ label: 'shown' })
          await page.getByRole('button', { name: 'Add policy' }).press('Enter')
          await page.getByText('Added. Runs that start later').waitFor()
        }
        const pages = {
          policies: `${settings}/policies`,
          policy: `${settings}/policies/${id}`,
          set,
          'new-set': `${settings}/policy-sets/new`,
        }
        found.push(await violationsOf(page, at(server.url, pages), colorScheme))
      } finally {
        await close()
      }
    }
    expect(found.flat()).to.deep.equal([])
  })
})
