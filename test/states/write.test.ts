import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { startServer, type TestServer } from '../support/server.ts'
import { stateFile } from '../support/states.ts'
import {
  announce,
  base64,
  current,
  LINEAGE,
  lock,
  lockedWorkspace,
  makeWorkspace,
  md5Of,
  put,
  putAndBreak,
  statusOf,
  userWith,
  versionCount,
  write,
} from './setup.ts'

const state = (serial: number, more: Parameters<typeof stateFile>[0] = {}) =>
  stateFile({ serial, lineage: LINEAGE, ...more })

describe('writing state', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  it('CORE-01 a state version is pending until its raw state arrives without a token, then it is current and has outputs', async () => {
    const { id } = await lockedWorkspace(server)
    const file = state(1, { resources: { a: 'x' } })
    const outputs = { greeting: { sensitive: false, value: 'hello', type: 'string' } }

    const made = await announce(server.api, id, file, { 'json-state-outputs': base64(outputs) })
    expect(made.status).to.equal(201)
    expect(made.json.data.attributes.status).to.equal('pending')
    expect(await put(made.json.data.attributes['hosted-state-upload-url'], file)).to.include({ status: 200 })

    const read = await server.api.get(`/state-versions/${made.json.data.id}`)
    expect(read.json.data.attributes).to.include({
      status: 'finalized',
      'resources-processed': true,
      size: file.length,
    })
    expect(read.json.data.attributes['hosted-state-upload-url']).to.equal(null)
    expect((await current(server.api, id)).json.data.id).to.equal(made.json.data.id)
    const listed = await server.api.get(`/workspaces/${id}/current-state-version-outputs`)
    expect(listed.json.data.map((o: { attributes: unknown }) => o.attributes)).to.deep.equal([
      { name: 'greeting', sensitive: false, type: 'string', value: 'hello', 'detailed-type': 'string' },
    ])
  })

  it('CORE-02 the JSON state alone leaves the version pending and the current state as it was', async () => {
    const { id } = await lockedWorkspace(server)
    const pending = (await announce(server.api, id, state(1))).json.data
    const url = pending.attributes['hosted-json-state-upload-url']

    expect((await put(url, '{"format_version":"1.0"}')).status).to.equal(200)

    expect(await statusOf(server.api, pending.id)).to.equal('pending')
    expect((await current(server.api, id)).status).to.equal(404)
    const first = await write(server.api, id, state(1))
    const next = (await announce(server.api, id, state(2), { serial: 2 })).json.data
    await put(next.attributes['hosted-json-state-upload-url'], '{}')
    expect((await current(server.api, id)).json.data.id).to.equal(first)
  })

  it('CORE-03 other bytes than announced answer 4xx and leave the version pending; the right ones then finish it', async () => {
    const { id } = await lockedWorkspace(server)
    const made = (await announce(server.api, id, state(1))).json.data
    const url = made.attributes['hosted-state-upload-url']

    const wrong = await put(url, state(1, { resources: { other: 'x' } }))

    expect(wrong.status).to.equal(422)
    expect(wrong.text).to.contain('MD5')
    expect(await statusOf(server.api, made.id)).to.equal('pending')
    expect((await current(server.api, id)).status).to.equal(404)
    expect((await put(url, state(1))).status).to.equal(200)
    expect(await statusOf(server.api, made.id)).to.equal('finalized')
  })

  it('CORE-04 a lower serial with other content is accepted without force', async () => {
    const { id } = await lockedWorkspace(server)
    await write(server.api, id, state(7), { serial: 7 })

    const older = await write(server.api, id, state(5, { resources: { a: 'x' } }), { serial: 5 })

    expect((await current(server.api, id)).json.data.id).to.equal(older)
  })

  it('CORE-05 the same serial with other content answers 409 at once', async () => {
    const { id } = await lockedWorkspace(server)
    const first = await write(server.api, id, state(7), { serial: 7 })

    const refused = await announce(server.api, id, state(7, { resources: { a: 'x' } }), { serial: 7 })

    expect(refused.status).to.equal(409)
    expect(refused.json.errors[0].detail).to.contain('serial 7')
    expect((await current(server.api, id)).json.data.id).to.equal(first)
    expect((await announce(server.api, id, state(7), { serial: 7 })).status).to.equal(201)
  })

  it('CORE-06 another lineage answers 409, with force 201', async () => {
    const { id } = await lockedWorkspace(server)
    const first = await write(server.api, id, state(1))
    const lineage = '11111111-2222-3333-4444-555555555555'

    const refused = await announce(server.api, id, state(2), { serial: 2, lineage })

    expect(refused.status).to.equal(409)
    expect((await current(server.api, id)).json.data.id).to.equal(first)
    expect((await announce(server.api, id, state(2), { serial: 2, lineage, force: true })).status).to.equal(201)
  })

  it('CORE-09 without a lock nothing is stored: 409', async () => {
    const { id } = await makeWorkspace(server)

    const refused = await announce(server.api, id, state(1))

    expect(refused.status).to.equal(409)
    expect(refused.json.errors[0].detail).to.contain('not locked')
    expect(await versionCount(server, id)).to.equal(0)
  })

  it("CORE-10 another user's lock answers 409 and the holder's upload still works", async () => {
    const workspace = await makeWorkspace(server)
    const [holder, other] = [await userWith(server, workspace, 'write'), await userWith(server, workspace, 'write')]
    await lock(holder, workspace.id)

    const refused = await announce(other, workspace.id, state(1))

    expect(refused.status).to.equal(409)
    expect(refused.json.errors).to.have.length(1)
    expect(await versionCount(server, workspace.id)).to.equal(0)
    await write(holder, workspace.id, state(1))
  })

  it('CORE-11 a cut upload leaves the version pending without a half file, and the repeat finishes it', async () => {
    const { id } = await lockedWorkspace(server)
    const file = Buffer.from(state(1, { resources: { big: randomBytes(2_000_000).toString('hex') } }))
    const made = (await announce(server.api, id, file)).json.data
    const url = made.attributes['hosted-state-upload-url']

    await putAndBreak(url, file)

    expect(await statusOf(server.api, made.id)).to.equal('pending')
    expect((await current(server.api, id)).status).to.equal(404)
    expect((await server.api.get(`/state-versions/${made.id}/download`)).status).to.equal(404)
    expect((await put(url, file)).status).to.equal(200)
    expect(await statusOf(server.api, made.id)).to.equal('finalized')
    expect((await server.api.get(`/state-versions/${made.id}/download`)).text).to.equal(file.toString())
  })

  it('CORE-41 lock, write and unlock of a local apply leave the workspace unlocked and make no run', async () => {
    const { id } = await lockedWorkspace(server, { 'execution-mode': 'local' })
    const version = await write(server.api, id, state(1))

    const unlocked = await server.api.post(`/workspaces/${id}/actions/unlock`)

    expect(unlocked.status).to.equal(200)
    expect(unlocked.json.data.attributes.locked).to.equal(false)
    expect(await statusOf(server.api, version)).to.equal('finalized')
    expect((await server.api.get(`/workspaces/${id}/runs`)).json.data).to.deep.equal([])
  })

  it('a pending version keeps its holder from unlocking; once force-unlocked, its upload is refused', async () => {
    const { id } = await lockedWorkspace(server)
    const made = (await announce(server.api, id, state(1))).json.data

    const unlock = await server.api.post(`/workspaces/${id}/actions/unlock`)
    expect(unlock.status).to.equal(409)
    expect(unlock.text).to.contain('latest state version is still pending')
    await server.api.post(`/workspaces/${id}/actions/force-unlock`)
    await lock(server.api, id)

    expect((await put(made.attributes['hosted-state-upload-url'], state(1))).status).to.equal(409)
    expect((await current(server.api, id)).status).to.equal(404)
  })

  it('of two pending versions with one serial and other content the second upload answers 409', async () => {
    const { id } = await lockedWorkspace(server)
    const [one, two] = [state(3), state(3, { resources: { a: 'x' } })]
    const first = (await announce(server.api, id, one, { serial: 3 })).json.data
    const second = (await announce(server.api, id, two, { serial: 3 })).json.data

    expect((await put(first.attributes['hosted-state-upload-url'], one)).status).to.equal(200)
    expect((await put(second.attributes['hosted-state-upload-url'], two)).status).to.equal(409)
    expect((await current(server.api, id)).json.data.id).to.equal(first.id)
  })

  it('two uploads of the same bytes at once both succeed, later ones too, and other bytes are refused', async () => {
    const { id } = await lockedWorkspace(server)
    const file = state(1)
    const url = (await announce(server.api, id, file)).json.data.attributes['hosted-state-upload-url']

    const answers = await Promise.all([put(url, file), put(url, file)])

    expect(answers.map((a) => a.status)).to.deep.equal([200, 200])
    expect((await put(url, file)).status).to.equal(200)
    expect((await put(url, state(2))).status).to.equal(409)
  })

  it('zero bytes are refused and leave the version pending', async () => {
    const { id } = await lockedWorkspace(server)
    const made = (await announce(server.api, id, '')).json.data

    expect((await put(made.attributes['hosted-state-upload-url'], '')).status).to.equal(400)
    expect(await statusOf(server.api, made.id)).to.equal('pending')
  })

  it('a state in the request is finalized and current at once, with outputs read from it', async () => {
    const { id } = await lockedWorkspace(server)
    const file = state(4, { outputs: { n: { value: 5, type: 'number' } } })

    const made = await announce(server.api, id, '', {
      md5: md5Of(file),
      serial: 4,
      state: base64(file),
      'json-state': base64({ a: 1 }),
    })

    expect(made.status).to.equal(201)
    expect(made.json.data.attributes.status).to.equal('finalized')
    const outputs = await server.api.get(`/state-versions/${made.json.data.id}/outputs`)
    expect(outputs.json.data[0].attributes).to.include({
      name: 'n',
      value: 5,
      type: 'number',
      'detailed-type': 'number',
    })
    expect((await server.api.get(made.json.data.attributes['hosted-json-state-download-url'])).json).to.deep.equal({
      a: 1,
    })
  })

  it('a state in the request with another MD5 answers 422 and stores nothing', async () => {
    const { id } = await lockedWorkspace(server)

    const refused = await announce(server.api, id, 'other', { state: base64(state(1)) })

    expect(refused.status).to.equal(422)
    expect(await versionCount(server, id)).to.equal(0)
  })

  it('serial and md5 are required, and the error names them', async () => {
    const { id } = await lockedWorkspace(server)

    const answer = await announce(server.api, id, 'x', { serial: undefined, md5: 'zz' })

    expect(answer.status).to.equal(422)
    expect(answer.json.errors.map((e: { source: { pointer: string } }) => e.source.pointer)).to.have.members([
      '/data/attributes/serial',
      '/data/attributes/md5',
    ])
    expect(answer.text).not.to.contain('param is missing')
  })

  it('a state that tofu encrypted is taken as it is; its outputs come from the client', async () => {
    const { id } = await lockedWorkspace(server)
    const file = JSON.stringify({
      serial: 1,
      lineage: LINEAGE,
      meta: { k: 'v' },
      encrypted_data: 'AAAA',
      encryption_version: 'v0',
    })

    const version = await write(server.api, id, file, {
      'json-state-outputs': base64({ a: { sensitive: false, value: 1, type: 'number' } }),
    })

    const { attributes } = (await server.api.get(`/state-versions/${version}`)).json.data
    expect(attributes).to.deep.include({ 'resources-processed': true, resources: [], modules: {} })
    expect((await server.api.get(`/workspaces/${id}/current-state-version-outputs`)).json.data).to.have.length(1)
  })

  it('a reader may not write state: 403', async () => {
    const workspace = await lockedWorkspace(server)
    const reader = await userWith(server, workspace, 'read')

    expect((await announce(reader, workspace.id, state(1))).status).to.equal(403)
  })

  it('rolling back makes the former state current again, as a new version with the same bytes', async () => {
    const { id } = await lockedWorkspace(server)
    const first = await write(server.api, id, state(1, { resources: { a: 'x', b: 'y' } }))
    await write(server.api, id, state(2), { serial: 2 })

    const rolled = await server.api.patch(`/workspaces/${id}/state-versions`, {
      data: {
        type: 'state-versions',
        relationships: { 'rollback-state-version': { data: { type: 'state-versions', id: first } } },
      },
    })

    expect(rolled.status).to.equal(201)
    const now = (await current(server.api, id)).json.data
    expect(now.id).to.equal(rolled.json.data.id).and.not.equal(first)
    const download = await server.api.get(now.attributes['hosted-state-download-url'])
    expect(download.text).to.equal(state(1, { resources: { a: 'x', b: 'y' } }))
    expect((await server.api.get(`/workspaces/${id}`)).json.data.attributes['resource-count']).to.equal(2)
    expect((await server.api.post(`/workspaces/${id}/actions/unlock`)).status).to.equal(200)
  })
})
