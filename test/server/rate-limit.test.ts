import { expect } from 'chai'
import { startServer, type TestServer } from '../support/server.ts'

describe('the rate limit', () => {
  let server: TestServer
  before(async () => {
    server = await startServer({ TOFUTF_RATE_LIMIT: '5' })
  })
  after(() => server.stop())

  const burst = (token: string | null, count: number) =>
    Promise.all(Array.from({ length: count }, () => server.as(token).get('/account/details')))

  it('answers 429 with the time to wait beyond the requests per second, and nothing a second later', async () => {
    const answers = await burst(server.siteToken, 20)

    const refused = answers.filter((a) => a.status === 429)
    expect(refused.length).to.be.within(1, 15)
    expect(Number(refused[0]!.headers.get('X-RateLimit-Reset'))).to.be.within(0, 1)
    expect(refused[0]!.headers.get('X-RateLimit-Limit')).to.equal('5')
    expect(refused[0]!.json.errors[0].status).to.equal('429')
    await new Promise((resolve) => setTimeout(resolve, 1100))
    expect((await server.api.get('/account/details')).status).to.equal(200)
  })

  it('SEC-48 a flood of wrong tokens leaves a signed-in client alone', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const flood = await burst('wrong.token.of.somebody', 50)

    expect(new Set(flood.map((a) => a.status))).to.deep.equal(new Set([401, 429]))
    expect((await server.api.get('/account/details')).status).to.equal(200)
  })

  it('does not apply to addresses that need no token', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => server.as(null).get('/ping')))

    expect(new Set(answers.map((a) => a.status))).to.deep.equal(new Set([204]))
  })
})
