import { expect } from 'chai'
import { archiveOf } from '../support/configurations.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeOrganization, publishModule, put } from './publish.ts'

const files = {
  'README.md': '# Network\n',
  'main.tf': `
terraform {
  required_providers {
    null = {
      source  = "hashicorp/null"
      version = "~> 3.0"
    }
  }
}
variable "cidr" {
  type        = string
  description = "Addresses"
}
variable "zones" {
  type    = list(string)
  default = ["a"]
}
resource "null_resource" "this" {}
output "id" {
  value       = null_resource.this.id
  description = "The id"
}
`,
  'modules/subnet/main.tf': 'variable "name" {}\n',
}

describe('registry modules', () => {
  let server: TestServer
  let stranger: string
  before(async () => {
    server = await startServer()
    await makeOrganization(server.api, 'acme')
    await makeOrganization(server.api, 'other')
    const token = await server.api.post('/organizations/other/authentication-token', document({}))
    stranger = token.json.data.attributes.token
  })
  after(() => server.stop())

  const base = '/organizations/acme/registry-modules'
  const create = (attributes: Record<string, unknown>) => server.api.post(base, document(attributes))
  const newVersion = async (name: string, version: string) =>
    server.api.post(`/registry-modules/acme/${name}/aws/versions`, document({ version }))

  it('a new module is pending, private and in the namespace of its organization', async () => {
    const answer = await create({ name: 'fresh', provider: 'aws' })

    expect(answer.status).to.equal(201)
    expect(answer.json.data.attributes).to.include({
      name: 'fresh',
      provider: 'aws',
      namespace: 'acme',
      'registry-name': 'private',
      status: 'pending',
      'no-code': false,
    })
    expect(answer.json.data.attributes.permissions).to.deep.equal({
      'can-delete': true,
      'can-resync': true,
      'can-retry': true,
    })
    expect(answer.json.data.relationships.organization.data.id).to.equal('acme')
  })

  it('a name that is taken, or that no source address can hold, answers 422', async () => {
    await create({ name: 'taken', provider: 'aws' })

    const answers = await Promise.all([
      create({ name: 'taken', provider: 'aws' }),
      create({ name: 'a/b', provider: 'aws' }),
      create({ name: 'x', provider: 'AWS' }),
      create({ name: 'x', provider: 'aws', 'registry-name': 'public' }),
      create({ name: 'x', provider: 'aws', namespace: 'elsewhere' }),
    ])

    expect(answers.map(({ status }) => status)).to.deep.equal([422, 422, 422, 422, 422])
  })

  it('the same name is free for another provider, and in the public registry', async () => {
    await create({ name: 'shared', provider: 'aws' })

    const azure = await create({ name: 'shared', provider: 'azurerm' })
    const bookmark = await create({
      name: 'shared',
      provider: 'aws',
      'registry-name': 'public',
      namespace: 'hashicorp',
    })

    expect([azure.status, bookmark.status]).to.deep.equal([201, 201])
    expect(bookmark.json.data.attributes.namespace).to.equal('hashicorp')
    const read = await server.api.get(`${base}/public/hashicorp/shared/aws`)
    expect(read.json.data.id).to.equal(bookmark.json.data.id)
  })

  it('an uploaded version is ok and published; the module is set up', async () => {
    await create({ name: 'uploaded', provider: 'aws' })
    const made = await newVersion('uploaded', '1.2.3-alpha+feature')
    expect(made.status).to.equal(201)
    expect(made.json.data.type).to.equal('registry-module-versions')
    expect(made.json.data.links.upload).to.contain('/object/')

    const upload = await put(made.json.data.links.upload, await archiveOf(files))

    expect(upload.status).to.equal(200)
    const read = await server.api.get(`${base}/private/acme/uploaded/aws`)
    expect(read.json.data.attributes.status).to.equal('setup_complete')
    expect(read.json.data.attributes['version-statuses']).to.deep.equal([
      { version: '1.2.3-alpha+feature', status: 'ok' },
    ])
    const version = await server.api.get(
      `${base}/private/acme/uploaded/aws/version?module_version=${encodeURIComponent('1.2.3-alpha+feature')}`,
    )
    expect(version.json.data.attributes.status).to.equal('ok')
    expect(version.json.data.links ?? {}).to.not.have.property('upload')
  })

  it('versions are listed newest first; one without an archive is not offered to the CLIs', async () => {
    for (const version of ['1.9.0', '1.10.0', '1.10.0-rc1'])
      await publishModule(server.api, 'acme', { name: 'sorted', provider: 'aws' }, version, files)
    await newVersion('sorted', '3.0.0')

    const read = await server.api.get(`${base}/private/acme/sorted/aws`)
    const offered = await server.api.get('/api/registry/v1/modules/acme/sorted/aws/versions')

    const statuses = read.json.data.attributes['version-statuses'].map((v: { version: string }) => v.version)
    expect(statuses).to.deep.equal(['3.0.0', '1.10.0', '1.10.0-rc1', '1.9.0'])
    const versions = offered.json.modules[0].versions.map((v: { version: string }) => v.version)
    expect(versions).to.deep.equal(['1.10.0', '1.10.0-rc1', '1.9.0'])
  })

  it('a version that exists, or that is none, answers 422', async () => {
    await create({ name: 'strict', provider: 'aws' })
    await newVersion('strict', '1.0.0')

    const answers = [
      await newVersion('strict', '1.0.0'),
      await newVersion('strict', 'v1.0.1'),
      await newVersion('strict', '1.0'),
      await newVersion('strict', 'latest'),
    ]

    expect(answers.map(({ status }) => status)).to.deep.equal([422, 422, 422, 422])
    expect(answers[0]!.json.errors[0].detail).to.equal('Version has already been taken')
    expect(answers[0]!.json.errors[0].source.pointer).to.equal('/data/attributes/version')
  })

  it('an archive that no CLI could unpack is refused with the reason, and another may follow', async () => {
    await create({ name: 'broken', provider: 'aws' })
    const { upload } = (await newVersion('broken', '1.0.0')).json.data.links
    const good = await archiveOf(files)

    const answers = [
      await put(upload, Buffer.from('this is no archive')),
      await put(upload, good.subarray(0, good.length - 40)),
      await put(upload, await archiveOf({ 'notes.txt': 'no configuration' })),
    ]

    expect(answers.map(({ status }) => status)).to.deep.equal([422, 422, 422])
    const read = await server.api.get(`${base}/private/acme/broken/aws`)
    const [failed] = read.json.data.attributes['version-statuses']
    expect(failed.status).to.equal('reg_ingress_failed')
    expect(failed.error).to.contain('no .tf')
    expect((await server.api.get('/api/registry/v1/modules/acme/broken/aws/versions')).json.modules[0].versions).to.be
      .empty
    expect((await put(upload, good)).status).to.equal(200)
  })

  it('the details of a version show its readme, inputs, outputs and submodules', async () => {
    await publishModule(server.api, 'acme', { name: 'described', provider: 'aws' }, '1.0.0', files)

    const { json } = await server.api.get('/api/registry/v1/modules/acme/described/aws/1.0.0')

    expect(json.id).to.equal('acme/described/aws/1.0.0')
    expect(json.root.readme).to.equal('# Network\n')
    expect(json.root.inputs).to.deep.include({
      name: 'cidr',
      type: 'string',
      description: 'Addresses',
      default: '',
      required: true,
      sensitive: false,
    })
    expect(json.root.inputs[1]).to.include({ name: 'zones', type: 'list(string)', default: '["a"]', required: false })
    expect(json.root.outputs).to.deep.equal([{ name: 'id', description: 'The id', sensitive: false }])
    expect(json.root.resources).to.deep.equal([{ name: 'this', type: 'null_resource' }])
    expect(json.root.provider_dependencies[0]).to.include({ source: 'hashicorp/null', version: '~> 3.0' })
    expect(json.submodules.map((m: { path: string }) => m.path)).to.deep.equal(['modules/subnet'])
  })

  it('a configuration that does not parse is published without its inputs', async () => {
    await publishModule(server.api, 'acme', { name: 'odd', provider: 'aws' }, '1.0.0', { 'main.tf': 'variable {' })

    const { json } = await server.api.get('/api/registry/v1/modules/acme/odd/aws/1.0.0')

    expect(json.root.inputs).to.deep.equal([])
  })

  it('a list is searched, filtered and paged', async () => {
    await makeOrganization(server.api, 'lists')
    for (const [name, provider] of [
      ['vpc', 'aws'],
      ['vnet', 'azurerm'],
      ['bucket', 'aws'],
    ])
      await server.api.post('/organizations/lists/registry-modules', document({ name, provider }))
    const list = (query: string) => server.api.get(`/organizations/lists/registry-modules?${query}`)
    const names = (answer: { json: { data: { attributes: { name: string } }[] } }) =>
      answer.json.data.map((m) => m.attributes.name)

    expect(names(await list(''))).to.deep.equal(['bucket', 'vnet', 'vpc'])
    expect(names(await list('q=v'))).to.deep.equal(['vnet', 'vpc'])
    expect(names(await list('filter[provider]=aws'))).to.deep.equal(['bucket', 'vpc'])
    expect(names(await list('filter[registry_name]=public'))).to.deep.equal([])
    const past = await list('page[number]=9&page[size]=2')
    expect(past.json.data).to.deep.equal([])
    expect(past.json.meta.pagination).to.include({ 'current-page': 9, 'total-count': 3 })
  })

  it('no-code and test settings are changed', async () => {
    await create({ name: 'changed', provider: 'aws' })

    const change = document({ 'no-code': true, 'test-config': { 'tests-enabled': true } })
    const answer = await server.api.patch(`${base}/private/acme/changed/aws`, change)

    expect(answer.json.data.attributes['no-code']).to.equal(true)
    expect(answer.json.data.attributes['test-config']).to.deep.equal({ 'tests-enabled': true })
  })

  it('tags are replaced whole, and an empty list takes them away', async () => {
    const { id } = (await create({ name: 'tagged', provider: 'aws' })).json.data
    const path = `${base}/private/acme/tagged/aws`
    const bind = (...tags: { key: string; value?: string }[]) =>
      server.api.patch(
        path,
        document({}, { 'tag-bindings': { data: tags.map((attributes) => ({ type: 'tag-bindings', attributes })) } }),
      )
    const bound = async () =>
      (await server.api.get(`/registry-modules/${id}/tag-bindings`)).json.data.map(
        (tag: { attributes: unknown }) => tag.attributes,
      )

    await bind({ key: 'env', value: 'production' }, { key: 'core' })

    expect(await bound()).to.deep.equal([
      { key: 'core', value: '' },
      { key: 'env', value: 'production' },
    ])
    expect((await bind({ key: '' })).status).to.equal(422)
    await bind()
    expect(await bound()).to.deep.equal([])
  })

  it('deleting takes a version, one provider, or all of a name; the last version takes its module along', async () => {
    for (const version of ['1.0.0', '1.1.0'])
      await publishModule(server.api, 'acme', { name: 'going', provider: 'aws' }, version, files)
    await create({ name: 'going', provider: 'azurerm' })
    const status = async (path: string) => (await server.api.get(`${base}/private/acme/going/${path}`)).status
    const remove = (path: string) => server.api.delete(`${base}/private/acme/going${path}`)

    expect((await remove('/aws/1.0.0')).status).to.equal(204)
    expect((await remove('/aws/1.0.0')).status).to.equal(404)
    expect(await status('aws')).to.equal(200)
    expect((await server.api.post('/registry-modules/actions/delete/acme/going/aws/1.1.0')).status).to.equal(204)
    expect(await status('aws')).to.equal(404)
    expect(await status('azurerm')).to.equal(200)
    expect((await server.api.post('/registry-modules/actions/delete/acme/going')).status).to.equal(204)
    expect(await status('azurerm')).to.equal(404)
  })

  it('an archive is served at a signed address without a token, to HEAD and to GET', async () => {
    await publishModule(server.api, 'acme', { name: 'fetched', provider: 'aws' }, '1.0.0', files)

    const answer = await server.api.get('/api/registry/v1/modules/acme/fetched/aws/1.0.0/download')

    expect(answer.status).to.equal(204)
    const location = new URL(answer.headers.get('x-terraform-get')!, server.url)
    location.search = ''
    const head = await fetch(location, { method: 'HEAD' })
    expect(head.status).to.equal(200)
    const got = await fetch(location)
    expect((await got.arrayBuffer()).byteLength).to.equal(Number(head.headers.get('content-length')))
    expect((await fetch(location, { method: 'PUT', body: 'x' })).status).to.equal(404)
    location.pathname = location.pathname.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))
    expect((await fetch(location)).status).to.equal(404)
  })

  it('the module of another organization answers 404, whatever is asked of it', async () => {
    await publishModule(server.api, 'acme', { name: 'secret', provider: 'aws' }, '1.0.0', files)
    const { id } = (await server.api.get(`${base}/private/acme/secret/aws`)).json.data
    const api = server.as(stranger)

    const answers = [
      await api.get(base),
      await api.get(`${base}/private/acme/secret/aws`),
      await api.get(`/registry-modules/${id}`),
      await api.get('/api/registry/v1/modules/acme/secret/aws/versions'),
      await api.get('/api/registry/v1/modules/acme/secret/aws/1.0.0/download'),
      await api.post('/registry-modules/acme/secret/aws/versions', document({ version: '6.6.6' })),
      await api.delete(`${base}/private/acme/secret/aws`),
    ]

    expect(answers.map(({ status }) => status)).to.deep.equal([404, 404, 404, 404, 404, 404, 404])
  })

  it('without a token the registry answers 401', async () => {
    const api = server.as(null)

    expect((await api.get('/api/registry/v1/modules/acme/any/aws/versions')).status).to.equal(401)
    expect((await api.get(base)).status).to.equal(401)
  })
})
