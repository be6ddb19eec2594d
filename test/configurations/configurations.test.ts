import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { makeWorkspace, put, putAndBreak, userWith } from '../states/setup.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

const archive = gzipSync(Buffer.alloc(1024))

describe('configuration versions', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  const create = async (workspaceId: string, attributes: Record<string, unknown> = {}) => {
    const path = `/workspaces/${workspaceId}/configuration-versions`
    const { data } = (await server.api.post(path, document({ 'auto-queue-runs': false, ...attributes }))).json
    return { id: data.id as string, url: data.attributes['upload-url'] as string, data }
  }
  const uploaded = async (workspaceId: string, attributes: Record<string, unknown> = {}) => {
    const made = await create(workspaceId, attributes)
    expect(await put(made.url, archive)).to.include({ status: 200 })
    return made.id
  }
  const read = async (id: string) => (await server.api.get(`/configuration-versions/${id}`)).json.data.attributes
  const runsOf = async (workspaceId: string) => (await server.api.get(`/workspaces/${workspaceId}/runs`)).json.data
  const run = (workspaceId: string) =>
    server.api.post('/runs', document({}, { workspace: { data: { type: 'workspaces', id: workspaceId } } }))

  it('a new one is pending and has its upload address in that one answer', async () => {
    const { id } = await makeWorkspace(server)

    const { data, id: made } = await create(id)

    expect(data.type).to.equal('configuration-versions')
    expect(data.attributes).to.include({
      status: 'pending',
      source: 'tfe-api',
      speculative: false,
      provisional: false,
      error: null,
    })
    expect(data.attributes['upload-url']).to.match(/^http/)
    expect((await read(made))['upload-url']).to.equal(null)
  })

  it('an upload without a token makes it uploaded and current, and it can be downloaded as it was', async () => {
    const { id } = await makeWorkspace(server)

    const made = await uploaded(id)

    const attributes = await read(made)
    expect(attributes.status).to.equal('uploaded')
    expect(attributes['status-timestamps']['finished-at']).to.match(/^\d{4}-.*\+00:00$/)
    const workspace = (await server.api.get(`/workspaces/${id}`)).json.data
    expect(workspace.relationships['current-configuration-version'].data.id).to.equal(made)
    const download = await fetch(`${server.url}/api/v2/configuration-versions/${made}/download`, {
      headers: { Authorization: `Bearer ${server.siteToken}` },
    })
    expect(Buffer.from(await download.arrayBuffer()).equals(archive)).to.equal(true)
  })

  it('CORE-22 with auto-queue-runs the upload makes one run of it, without none', async () => {
    const { id } = await makeWorkspace(server)
    await uploaded(id, { 'auto-queue-runs': false })
    expect(await runsOf(id)).to.deep.equal([])

    const made = await uploaded(id, { 'auto-queue-runs': true, speculative: false })

    const runs = await runsOf(id)
    expect(runs).to.have.length(1)
    expect(runs[0].relationships['configuration-version'].data.id).to.equal(made)
    expect(runs[0].attributes).to.include({ source: 'tfe-configuration-version', 'plan-only': false })
  })

  it('a speculative one with auto-queue-runs gets a plan-only run, a provisional one none', async () => {
    const { id } = await makeWorkspace(server)

    await uploaded(id, { 'auto-queue-runs': true, speculative: true })
    await uploaded(id, { 'auto-queue-runs': true, provisional: true })

    const runs = await runsOf(id)
    expect(runs).to.have.length(1)
    expect(runs[0].attributes['plan-only']).to.equal(true)
  })

  it('in a workspace with local execution the upload stands and no run is made', async () => {
    const { id } = await makeWorkspace(server, { 'execution-mode': 'local' })

    const made = await uploaded(id, { 'auto-queue-runs': true })

    expect((await read(made)).status).to.equal('uploaded')
    expect(await runsOf(id)).to.deep.equal([])
  })

  it('CORE-23 a run without any uploaded configuration answers 422 that says so', async () => {
    const { id } = await makeWorkspace(server)
    await create(id)

    const answer = await run(id)

    expect(answer.status).to.equal(422)
    expect(answer.json.errors[0].detail).to.contain('No configuration was uploaded')
    expect(await runsOf(id)).to.deep.equal([])
  })

  it('CORE-24 a run that names no configuration uses the last one that was neither speculative nor provisional', async () => {
    const { id } = await makeWorkspace(server)
    const usable = await uploaded(id)
    await uploaded(id, { speculative: true })
    await uploaded(id, { provisional: true })
    await create(id)

    const made = await run(id)

    expect(made.status).to.equal(201)
    expect(made.json.data.relationships['configuration-version'].data.id).to.equal(usable)
    const workspace = (await server.api.get(`/workspaces/${id}`)).json.data
    expect(workspace.relationships['current-configuration-version'].data.id).to.equal(usable)
  })

  it('a second upload takes the place of the first until a run was made of it', async () => {
    const { id } = await makeWorkspace(server)
    const made = await create(id)
    await put(made.url, gzipSync('first'))

    expect((await put(made.url, archive)).status).to.equal(200)
    expect((await run(id)).status).to.equal(201)
    expect((await put(made.url, gzipSync('third'))).status).to.equal(409)
    const download = await fetch(`${server.url}/api/v2/configuration-versions/${made.id}/download`, {
      headers: { Authorization: `Bearer ${server.siteToken}` },
    })
    expect(Buffer.from(await download.arrayBuffer()).equals(archive)).to.equal(true)
  })

  it('of two uploads at once one is taken, and one run is made', async () => {
    const { id } = await makeWorkspace(server)
    const made = await create(id, { 'auto-queue-runs': true })

    const answers = await Promise.all([put(made.url, archive), put(made.url, archive)])

    expect(answers.map((a) => a.status).sort()).to.deep.equal([200, 409])
    expect(await runsOf(id)).to.have.length(1)
  })

  it('a cut upload leaves it pending, without an archive, and can be repeated', async () => {
    const { id } = await makeWorkspace(server)
    const made = await create(id)
    const big = gzipSync(randomBytes(3_000_000))

    await putAndBreak(made.url, big)

    expect((await read(made.id)).status).to.equal('pending')
    expect((await server.api.get(`/configuration-versions/${made.id}/download`)).status).to.equal(404)
    expect((await put(made.url, big)).status).to.equal(200)
    expect((await read(made.id)).status).to.equal('uploaded')
  })

  it('what is no gzip file leaves it errored with a message, zero bytes leave it pending', async () => {
    const { id } = await makeWorkspace(server)
    const text = await create(id)
    const empty = await create(id)

    expect((await put(text.url, 'resource "a" "b" {}')).status).to.equal(422)
    expect((await put(empty.url, '')).status).to.equal(400)

    const attributes = await read(text.id)
    expect(attributes).to.include({ status: 'errored', error: 'invalid_archive' })
    expect(attributes['error-message']).to.contain('not a gzip file')
    expect((await read(empty.id)).status).to.equal('pending')
  })

  it('an archive beyond TOFUTF_MAX_CONFIGURATION_MB answers 413 and leaves it pending', async () => {
    const small = await startServer({ TOFUTF_MAX_CONFIGURATION_MB: '1' })
    try {
      const { id } = await makeWorkspace(small)
      const made = (await small.api.post(`/workspaces/${id}/configuration-versions`, document({}))).json.data

      const answer = await put(made.attributes['upload-url'], gzipSync(randomBytes(1_100_000)))

      expect(answer.status).to.equal(413)
      expect(answer.text).to.contain('TOFUTF_MAX_CONFIGURATION_MB')
      expect((await small.api.get(`/configuration-versions/${made.id}`)).json.data.attributes.status).to.equal(
        'pending',
      )
    } finally {
      await small.stop()
    }
  })

  it('the current one cannot be archived; a former one can, and is not downloaded any more', async () => {
    const { id } = await makeWorkspace(server)
    const former = await uploaded(id)
    const archiveIt = () => server.api.post(`/configuration-versions/${former}/actions/archive`)

    const refused = await archiveIt()
    expect(refused.status).to.equal(409)
    expect(refused.json.errors[0]).to.deep.include({
      title: 'transition not allowed',
      detail: 'The configuration could not be archived because it is current',
    })
    await uploaded(id)

    expect((await archiveIt()).status).to.equal(202)
    expect((await read(former)).status).to.equal('archived')
    expect((await server.api.get(`/configuration-versions/${former}/download`)).status).to.equal(404)
  })

  it('deleted backing data can be restored until it is deleted for good', async () => {
    const { id } = await makeWorkspace(server)
    const former = await uploaded(id)
    await uploaded(id)
    const act = async (name: string) =>
      (await server.api.post(`/configuration-versions/${former}/actions/${name}_backing_data`)).status

    expect(await act('soft_delete')).to.equal(202)
    expect((await server.api.get(`/configuration-versions/${former}/download`)).status).to.equal(404)
    expect(await act('restore')).to.equal(202)
    expect((await server.api.get(`/configuration-versions/${former}/download`)).status).to.equal(200)
    expect(await act('permanently_delete')).to.equal(409)
    await act('soft_delete')
    expect(await act('permanently_delete')).to.equal(202)
    expect(await act('restore')).to.equal(409)
  })

  it('the list shows the newest first and pages', async () => {
    const { id } = await makeWorkspace(server)
    const made = [(await create(id)).id, (await create(id)).id, (await create(id)).id]

    const list = (await server.api.get(`/workspaces/${id}/configuration-versions?page[size]=2`)).json

    expect(list.data.map((c: { id: string }) => c.id)).to.deep.equal(made.reverse().slice(0, 2))
    expect(list.meta.pagination).to.include({ 'total-count': 3, 'total-pages': 2 })
  })

  it('a reader may read one but not create one', async () => {
    const workspace = await makeWorkspace(server)
    const made = await uploaded(workspace.id)
    const reader = await userWith(server, workspace, 'read')

    expect((await reader.get(`/configuration-versions/${made}`)).status).to.equal(200)
    expect((await reader.post(`/workspaces/${workspace.id}/configuration-versions`, document({}))).status).to.equal(403)
    expect((await server.as(null).get(`/configuration-versions/${made}`)).status).to.equal(401)
  })
})
