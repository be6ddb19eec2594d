import { expect } from 'chai'
import { signedUrl } from '../../shared/signed-url.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { announce, lockedWorkspace, put, statusOf, write } from './setup.ts'

const file = '{"version":4,"serial":1,"lineage":"l"}'

describe('signed addresses', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  it('a wrong signature, another id and another purpose answer 404', async () => {
    const { id } = await lockedWorkspace(server)
    const made = (await announce(server.api, id, file)).json.data
    const url: string = made.attributes['hosted-state-upload-url']

    for (const wrong of [
      `${url.slice(0, -4)}AAAA`,
      url.replace(made.id, 'sv-0000000000000000'),
      url.replace('/state-upload/', '/json-state-upload/'),
    ]) {
      expect((await put(wrong, file)).status).to.equal(404)
    }
    expect(await statusOf(server.api, made.id)).to.equal('pending')
  })

  it('an expired address answers 410', async () => {
    const { id } = await lockedWorkspace(server)
    const made = (await announce(server.api, id, file)).json.data
    const past = { ...server.app, now: () => new Date(Date.now() - 4 * 3600_000) }

    const answer = await put(signedUrl(past, server.url, 'state-upload', made.id), file)

    expect(answer.status).to.equal(410)
    expect(await statusOf(server.api, made.id)).to.equal('pending')
  })

  it('an upload address is not read, and a download address is not written', async () => {
    const { id } = await lockedWorkspace(server)
    const upload = (await announce(server.api, id, file)).json.data.attributes['hosted-state-upload-url']
    const version = await write(server.api, id, file)
    const download = (await server.api.get(`/state-versions/${version}`)).json.data.attributes[
      'hosted-state-download-url'
    ]

    expect((await server.api.get(upload)).status).to.equal(404)
    expect((await put(download, file)).status).to.equal(404)
  })

  it('more bytes than TOFUTF_MAX_STATE_MB answer 413 and leave the version pending', async () => {
    const small = await startServer({ TOFUTF_MAX_STATE_MB: '1' })
    try {
      const { id } = await lockedWorkspace(small)
      const big = Buffer.alloc(1024 * 1024 + 1, ' ')
      const made = (await announce(small.api, id, big)).json.data

      const answer = await put(made.attributes['hosted-state-upload-url'], big)

      expect(answer.status).to.equal(413)
      expect(answer.text).to.contain('TOFUTF_MAX_STATE_MB')
      expect(await statusOf(small.api, made.id)).to.equal('pending')
    } finally {
      await small.stop()
    }
  })
})
