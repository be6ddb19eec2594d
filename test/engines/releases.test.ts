import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { expect } from 'chai'
import { newestRelease, refreshReleases, selectNewestRelease } from '../../shared/engines/releases.ts'
import { resolveVersion } from '../../shared/engines/versions.ts'
import { startServer, type TestServer } from '../support/server.ts'

describe('the source of engine releases', () => {
  let source: Server
  let url: string
  let answer: string
  const asked: IncomingHttpHeaders[] = []
  let server: TestServer
  before(async () => {
    source = createServer((req, res) => {
      asked.push(req.headers)
      res.setHeader('content-type', 'application/json')
      res.end(answer)
    }).listen(0, '127.0.0.1')
    await once(source, 'listening')
    url = `http://127.0.0.1:${(source.address() as { port: number }).port}`
    server = await startServer({ TOFUTF_TERRAFORM_RELEASES: `${url}/terraform`, TOFUTF_TOFU_RELEASES: `${url}/tofu` })
  })
  after(async () => {
    await server.stop()
    source.close()
  })

  it('CORE-38 is asked the thousandth time exactly as the first: nothing accumulates', async function () {
    this.timeout(60_000)
    answer = JSON.stringify({ current_version: '1.13.5' })
    asked.length = 0

    for (let i = 0; i < 1000; i++) await newestRelease(url)

    expect(asked).to.have.length(1000)
    const without = ({ connection, ...rest }: IncomingHttpHeaders) => rest
    expect(without(asked[999]!)).to.deep.equal(without(asked[0]!))
  })

  it('may list all versions: the newest release counts, pre-releases and nonsense do not', async () => {
    answer = JSON.stringify({
      versions: [{ id: '1.9.9' }, { id: '1.12.0' }, { id: '1.13.0-rc1' }, { id: 'x' }, { id: '1.10.12' }],
    })

    expect(await newestRelease(url)).to.equal('1.12.0')
  })

  it('is what `latest` means while no runner has a newer one', async () => {
    answer = JSON.stringify({ current_version: '1.13.5' })

    await refreshReleases(server.app)

    expect(await selectNewestRelease(server.app.db, 'terraform')).to.equal('1.13.5')
    expect(await resolveVersion(server.app, server.app.db, 'terraform', 'latest')).to.equal('1.13.5')
    expect(await resolveVersion(server.app, server.app.db, 'terraform', '~> 1.13.0')).to.equal('1.13.5')
  })

  it('leaves what was known when it does not answer', async () => {
    answer = 'not json'

    await refreshReleases(server.app)

    expect(await selectNewestRelease(server.app.db, 'terraform')).to.equal('1.13.5')
  })
})
