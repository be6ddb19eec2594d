import { expect } from 'chai'
import { uploadConfiguration } from '../support/configurations.ts'
import { document } from '../support/server.ts'
import { expectStatus, type Stack, startStack } from '../support/stack.ts'
import { publishModule } from './publish.ts'

const source = (version: string) => ({
  'main.tf': `
variable "name" {
  type        = string
  description = "Who is greeted"
}
variable "size" {
  type    = string
  default = "small"
}
output "says" {
  value = "\${var.name} gets ${version}, \${var.size}"
}
`,
})

const related = (type: string, id: string) => ({ data: { type, id } })
const variables = (values: Record<string, string>) => ({
  data: Object.entries(values).map(([key, value]) => ({ type: 'vars', attributes: { key, value } })),
})
const choices = {
  data: [
    {
      type: 'variable-options',
      attributes: { 'variable-name': 'size', 'variable-type': 'string', options: ['small', 'large'] },
    },
  ],
}

describe('no-code modules', function () {
  this.timeout(180_000)
  let stack: Stack
  before(async () => {
    stack = await startStack()
    await stack.makeOrganization('acme')
    await stack.makeOrganization('other')
  })
  after(() => stack?.stop())

  /** A published module of its own for a test. @returns its id */
  async function publish(name: string, version = '1.0.0'): Promise<string> {
    await publishModule(stack.api, 'acme', { name, provider: 'null' }, version, source(version))
    const path = `/organizations/acme/registry-modules/private/acme/${name}/null`
    return expectStatus(await stack.api.get(path), 200).json.data.id
  }

  const offer = (moduleId: string, attributes: Record<string, unknown> = {}, relationships = {}) =>
    stack.api.post(
      '/organizations/acme/no-code-modules',
      document(attributes, { 'registry-module': related('registry-modules', moduleId), ...relationships }),
    )

  const made = async (moduleId: string, attributes = {}, relationships = {}) =>
    expectStatus(await offer(moduleId, attributes, relationships), 201).json.data

  const provision = (noCodeId: string, name: string, values: Record<string, string>, attributes = {}) =>
    stack.api.post(
      `/no-code-modules/${noCodeId}/workspaces`,
      document({ name, ...attributes }, { vars: variables(values) }),
    )

  const outputOf = async (workspaceId: string) =>
    expectStatus(await stack.api.get(`/workspaces/${workspaceId}/current-state-version-outputs`), 200).json.data[0]
      .attributes.value

  const runOf = async (workspaceId: string): Promise<string> =>
    expectStatus(await stack.api.get(`/workspaces/${workspaceId}/runs`), 200).json.data[0].id

  it('a module is offered with its options, and says so', async () => {
    const moduleId = await publish('offered')

    const created = await made(moduleId, {}, { 'variable-options': choices })

    expect(created.attributes).to.deep.equal({ enabled: true, 'version-pin': null })
    expect(created.relationships.organization.data.id).to.equal('acme')
    const read = await stack.api.get(`/no-code-modules/${created.id}?include=variable-options`)
    expect(read.json.included[0].attributes).to.deep.equal(choices.data[0]!.attributes)
    const list = await stack.api.get('/organizations/acme/registry-modules?q=offered&include=no-code-modules')
    expect(list.json.data[0].attributes['no-code']).to.equal(true)
    expect(list.json.data[0].relationships['no-code-modules'].data).to.deep.equal([
      { type: 'no-code-modules', id: created.id },
    ])
    expect(list.json.included[0].id).to.equal(created.id)
  })

  it('one offer for a module, of its own organization, and only of versions that it has', async () => {
    const moduleId = await publish('once')

    const answers = [
      await offer(moduleId, { 'version-pin': '9.9.9' }),
      await offer('mod-0000000000000000'),
      await stack.api.post(
        '/organizations/other/no-code-modules',
        document({}, { 'registry-module': related('registry-modules', moduleId) }),
      ),
      await offer(moduleId, { 'version-pin': '1.0.0' }),
      await offer(moduleId),
    ]

    expect(answers.map(({ status }) => status)).to.deep.equal([422, 422, 422, 201, 422])
  })

  it('a change keeps what it does not name; a deleted offer is gone, the module stays', async () => {
    const moduleId = await publish('changed')
    const { id } = await made(moduleId, { 'version-pin': '1.0.0' }, { 'variable-options': choices })

    const changed = await stack.api.patch(`/no-code-modules/${id}`, document({ enabled: false }))

    expect(changed.json.data.attributes).to.deep.equal({ enabled: false, 'version-pin': '1.0.0' })
    expect(changed.json.data.relationships['variable-options'].data).to.have.length(1)
    expect((await provision(id, 'refused', {})).status).to.equal(422)
    expect((await stack.api.delete(`/no-code-modules/${id}`)).status).to.equal(204)
    expect((await stack.api.get(`/no-code-modules/${id}`)).status).to.equal(404)
    const module = await stack.api.get(`/registry-modules/${moduleId}`)
    expect(module.json.data.attributes['no-code']).to.equal(false)
  })

  it('the variables of a version come with their options, and with whether a global set gives them', async () => {
    const { id } = await made(await publish('variables'), {}, { 'variable-options': choices })
    const set = document({ name: 'global', global: true }, { vars: variables({}) })
    const varset = expectStatus(await stack.api.post('/organizations/acme/varsets', set), 201).json.data.id
    const variable = document({ key: 'name', value: 'set', category: 'terraform' })
    expectStatus(await stack.api.post(`/varsets/${varset}/relationships/vars`, variable), 201)

    const list = await stack.api.get(`/no-code-modules/${id}/versions/1.0.0/module-variables`)

    expectStatus(await stack.api.delete(`/varsets/${varset}`), 204)
    expect(list.json.data.map((v: { attributes: unknown }) => v.attributes)).to.deep.equal([
      {
        name: 'name',
        type: 'string',
        description: 'Who is greeted',
        default: null,
        required: true,
        sensitive: false,
        options: [],
        'has-global': true,
      },
      {
        name: 'size',
        type: 'string',
        description: '',
        default: '"small"',
        required: false,
        sensitive: false,
        options: ['small', 'large'],
        'has-global': false,
      },
    ])
    expect((await stack.api.get(`/no-code-modules/${id}/versions/2.0.0/module-variables`)).status).to.equal(404)
  })

  it('a workspace is made of a module and chosen values, and applies', async () => {
    const { id } = await made(await publish('greeting'), {}, { 'variable-options': choices })

    const wrong = await provision(id, 'greeted', { name: 'Ada', size: 'huge' })
    const answer = await provision(id, 'greeted', { name: 'Ada', size: 'large' }, { 'auto-apply': true })

    expect(wrong.status).to.equal(422)
    const { attributes, id: workspaceId } = expectStatus(answer, 201).json.data
    expect(attributes).to.include({ name: 'greeted', 'no-code-upgrade-available': false, source: 'tfe-module' })
    await stack.waitForRun(await runOf(workspaceId), 'applied')
    expect(await outputOf(workspaceId)).to.equal('Ada gets 1.0.0, large')
  })

  it('a newer version is an upgrade, which counts once it is applied', async () => {
    const { id } = await made(await publish('upgraded'))
    const answer = await provision(id, 'upgraded', { name: 'Ada' }, { 'auto-apply': true })
    const workspaceId = expectStatus(answer, 201).json.data.id
    await stack.waitForRun(await runOf(workspaceId), 'applied')
    const path = `/no-code-modules/${id}/workspaces/${workspaceId}/upgrade`
    const isAvailable = async () =>
      (await stack.api.get(`/workspaces/${workspaceId}`)).json.data.attributes['no-code-upgrade-available']
    const idle = await stack.api.post(path, document({}))
    await publish('upgraded', '1.1.0')
    expect(await isAvailable()).to.equal(true)

    const started = expectStatus(await stack.api.post(path, document({}, { vars: variables({ name: 'Bob' }) })), 202)

    expect(idle.json.data.attributes.status).to.equal(null)
    expect(idle.json.data.attributes.message).to.contain('nothing to upgrade')
    const runId = started.json.data.id
    expect(started.json.data.attributes['plan-url']).to.contain(`/app/acme/workspaces/upgraded/runs/${runId}`)
    await stack.waitForRun(runId, 'planned')
    expect(await isAvailable()).to.equal(true)
    expect((await stack.api.get(`${path}/${runId}`)).json.data.attributes.status).to.equal('planned')
    expectStatus(await stack.api.post(`${path}/${runId}`, document({})), 202)
    await stack.waitForRun(runId, 'applied')
    expect(await outputOf(workspaceId)).to.equal('Bob gets 1.1.0, small')
    expect(await isAvailable()).to.equal(false)
  })

  it('a workspace of other origin is not upgraded, and other organizations see no offers', async () => {
    const { id } = await made(await publish('guarded'))
    const other = await stack.makeWorkspace('acme', {})
    await uploadConfiguration(stack.api, other.id, source('1.0.0'))

    const upgrade = await stack.api.post(`/no-code-modules/${id}/workspaces/${other.id}/upgrade`, document({}))
    const token = await stack.api.post('/organizations/other/authentication-token', document({}))
    const stranger = stack.as(token.json.data.attributes.token)

    expect(upgrade.status).to.equal(404)
    expect((await stranger.get(`/no-code-modules/${id}`)).status).to.equal(404)
    expect((await stranger.delete(`/no-code-modules/${id}`)).status).to.equal(404)
  })
})
