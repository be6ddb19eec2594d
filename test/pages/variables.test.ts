import { expect } from 'chai'
import { hashPassword, updatePassword } from '../../shared/users/users.ts'
import { makeMember } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('the variables pages', () => {
  let server: TestServer
  let web: Web
  const path = '/app/acme/workspaces/net/variables'
  const fields = { category: 'terraform', key: 'region', value: 'eu-west-1', description: '' }
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira', { isSiteAdmin: true })
    web = new Web(server)
    await web.signIn('mira', password)
    await web.post('/app', { name: 'acme', email: 'ops@acme.example' })
    await web.post('/app/acme/new-workspace', { name: 'net', engine: 'terraform' })
  })
  after(() => server.stop())

  /** The id in the link to the form of a variable. */
  const idOf = (html: string, key: string): string => new RegExp(`/variables/(var-\\w+)">${key}<`).exec(html)![1]!

  it('a variable is added, shown with who set it, changed and deleted', async () => {
    const added = await web.post(`${path}/new`, fields)
    expect(added.status).to.equal(303)
    const list = await web.get(path)
    expect(list.html)
      .to.include('Added region. The next run uses it.')
      .and.include('eu-west-1')
      .and.match(/by mira/)

    const id = idOf(list.html, 'region')
    expect((await web.post(`${path}/${id}`, { ...fields, value: 'eu-west-2' })).status).to.equal(303)
    expect((await web.get(path)).html)
      .to.include('eu-west-2')
      .and.not.include('eu-west-1')

    expect((await web.post(`${path}/${id}/delete`, {})).status).to.equal(303)
    expect((await web.get(path)).html).to.include('Deleted region from workspace net.')
  })

  it('a key that exists already is named at the field, and what was typed stays', async () => {
    await web.post(`${path}/new`, { ...fields, key: 'twice' })

    const refused = await web.post(`${path}/new`, { ...fields, key: 'twice', value: 'typed & kept' })

    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('The key twice exists already in workspace net.')
    expect(refused.html)
      .to.match(/id="key-error"/)
      .and.include('typed &amp; kept')
    expect(refused.html).to.match(/id="key" name="key"[^>]*aria-invalid="true" aria-describedby="key-error"/)
  })

  it('a sensitive value is in no page again, not even after a refused form, and stays when its field is left empty', async () => {
    const secret = 'hunter2-hunter2'
    await web.post(`${path}/new`, { ...fields, category: 'env', key: 'PASSWORD', value: secret, sensitive: 'on' })
    const list = await web.get(path)
    const id = idOf(list.html, 'PASSWORD')
    const form = await web.get(`${path}/${id}`)
    expect(list.html + form.html).to.not.include(secret)
    expect(form.html).to.include('Write-only').and.include('by mira')

    const refused = await web.post(`${path}/${id}`, { ...fields, category: 'env', key: 'not a key', value: secret })
    expect(refused.status).to.equal(422)
    expect(refused.html).to.not.include(secret)

    await web.post(`${path}/${id}`, { category: 'env', key: 'PASSWORD', value: '', description: 'kept' })
    const listed = await server.api.get('/organizations/acme/workspaces/net')
    const api = await server.api.get(`/workspaces/${listed.json.data.id}/vars`)
    const kept = api.json.data.find((v: { id: string }) => v.id === id).attributes
    expect([kept.sensitive, kept.value, kept.description]).to.deep.equal([true, null, 'kept'])
  })

  it('the value that counts stands with the set it comes from and what it overrode', async () => {
    const made = await web.post('/app/acme/varsets', { name: 'aws defaults', reach: 'all', priority: 'on' })
    const set = made.location!
    await web.post(`${set}/variables/new`, { ...fields, key: 'zone', value: 'of the set' })
    await web.post(`${path}/new`, { ...fields, key: 'zone', value: 'of the workspace' })

    const { html } = await web.get(path)

    const row = /<tr role="row" id="var-\w+">(?:(?!<\/tr>)[\s\S])*zone[\s\S]*?<\/tr>/.exec(html)![0]
    expect(row).to.include('of the set').and.include('aws defaults').and.include('priority')
    expect(row).to.match(/overrides[\s\S]*this workspace[\s\S]*<s><code>of the workspace<\/code><\/s>/)
  })

  it('a terraform.tfvars is imported as a whole or not at all', async () => {
    const text =
      'size = 3\n# a comment\nname = "net $${x}"\nzones = ["a", "b"]\ntags = { team = "ops" }\nregion = "eu-west-9"\n'
    expect((await web.post(`${path}/new`, fields)).status).to.equal(303)

    const refused = await web.post(`${path}/import`, { text: `${text}other = var.region` })
    expect(refused.status).to.equal(422)
    expect(refused.html).to.include('other is not a plain value').and.include('id="text-error"').and.include('zones = ')
    expect((await web.post(`${path}/import`, { text: 'what is = = this' })).html).to.include('That cannot be read')
    expect((await web.get(path)).html).to.not.include('zones')

    const done = await web.post(`${path}/import`, { text })
    expect(done.status).to.equal(303)
    expect((await web.get(path)).html)
      .to.include('Imported: 4 new variables, 1 changed.')
      .and.include('eu-west-9')
    const listed = await server.api.get('/organizations/acme/workspaces/net')
    const { json } = await server.api.get(`/workspaces/${listed.json.data.id}/vars`)
    const of = (key: string) =>
      json.data.find((v: { attributes: { key: string } }) => v.attributes.key === key).attributes
    expect([of('size').value, of('size').hcl]).to.deep.equal(['3', false])
    expect(of('name').value).to.equal(`net $${'{x}'}`)
    expect([JSON.parse(of('zones').value), of('zones').hcl]).to.deep.equal([['a', 'b'], true])
    expect(JSON.parse(of('tags').value)).to.deep.equal({ team: 'ops' })
  })

  it('a team that may read variables sees them but no form to change them', async () => {
    const { json } = await server.api.get('/organizations/acme/workspaces/net')
    const organization = await server.api.get('/organizations/acme')
    const id = organization.json.data.attributes['external-id']
    const member = await makeMember(server, { id }, { workspaces: { [json.data.id]: 'read' } })
    await updatePassword(server.app.db, member.userId, await hashPassword(password))
    const reader = new Web(server)
    await reader.signIn(member.username, password)

    expect((await reader.get(path)).html)
      .to.include('Variables')
      .and.not.include(`${path}/new`)
    expect((await reader.get(`${path}/new`)).status).to.equal(403)
    expect((await reader.post(`${path}/new`, fields)).status).to.equal(403)
    expect((await reader.get('/app/acme/workspaces/net/settings/general')).status).to.equal(403)
  })
})
