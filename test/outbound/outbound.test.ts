import { hostname } from 'node:os'
import { expect } from 'chai'
import { checkAddress, OutboundRefused, sendOutbound } from '../../shared/outbound.ts'
import { startReceiver } from '../support/receiver.ts'

const get = (url: string, allowed: string[] = []) =>
  sendOutbound(allowed, { method: 'GET', url, timeoutMs: 2000, maxAnswerBytes: 1000 })

const outcome = (sent: Promise<unknown>): Promise<Error | 'answered'> =>
  sent.then(
    () => 'answered',
    (error) => error,
  )

describe('outgoing requests', () => {
  it('SEC-21: private, local and special addresses are refused in every spelling, and nothing is connected to', async () => {
    const target = await startReceiver()
    const { port } = target
    const hosts = [
      '127.0.0.1',
      '169.254.169.254',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '2130706433',
      '0x7f.1',
      'localhost',
      'LOCALHOST.',
      'x.localhost',
      '0.0.0.0',
      '10.1.2.3',
      '[fe80::1]',
      '[fd00::1]',
      '100.64.0.1',
    ] // prettier-ignore

    for (const host of hosts) {
      expect(() => checkAddress(`http://${host}:${port}/`, []), host).to.throw(OutboundRefused, 'private or local')
      expect(await outcome(get(`http://${host}:${port}/`)), host).to.be.instanceOf(OutboundRefused)
    }
    expect(target.received).to.be.empty
    await target.stop()
  })

  it('SEC-21: hosts and networks on the allow list are reached', async () => {
    const target = await startReceiver()

    for (const allowed of [['127.0.0.1'], ['127.0.0.0/8'], ['::1', '127.0.0.1']]) {
      expect((await get(`http://2130706433:${target.port}/`, allowed)).status).to.equal(200)
    }
    expect((await get(`http://localhost:${target.port}/`, ['localhost'])).status).to.equal(200)
    expect(await outcome(get(target.url, ['10.0.0.0/8']))).to.be.instanceOf(OutboundRefused)
    await target.stop()
  })

  it('SEC-21: a name that resolves to a private address is blocked when connecting', async () => {
    // the machine's own name, which leads to one of its own addresses
    const name = hostname()

    expect(() => checkAddress(`http://${name}/`, [])).not.to.throw()
    expect(await outcome(get(`http://${name}:1/`))).to.be.instanceOf(OutboundRefused)
  })

  it('SEC-22: a redirect is an answer, not a way on', async () => {
    const second = await startReceiver()
    const first = await startReceiver((_, res) => res.writeHead(302, { Location: `${second.url}/secret` }).end())

    expect((await get(first.url, ['127.0.0.1'])).status).to.equal(302)
    expect(second.received).to.be.empty
    await Promise.all([first.stop(), second.stop()])
  })

  it('SEC-23: addresses with credentials, line breaks or another scheme are refused without repeating them', () => {
    for (const url of [
      'http://user:pass@example.com/',
      'http://exa\nmple.com/',
      'http://example.com/\r\nx: y',
      'file:///etc/passwd',
      'gopher://example.com/',
      'not an address',
      '',
    ]) // prettier-ignore
      expect(() => checkAddress(url, []), JSON.stringify(url))
        .to.throw(OutboundRefused)
        .with.property('message')
        .that.does.not.include('pass@')
  })

  it('an answer is cut off at its limit, and a receiver that hangs is given up on', async () => {
    const large = await startReceiver((_, res) => res.end('x'.repeat(100_000)))
    const hanging = await startReceiver(() => {})

    expect((await get(large.url, ['127.0.0.1'])).body).to.have.length(1000)
    const request = { method: 'GET', url: hanging.url, timeoutMs: 200, maxAnswerBytes: 10 } as const
    expect(await outcome(sendOutbound(['127.0.0.1'], request))).to.have.property(
      'message',
      'No answer within 0.2 seconds.',
    )
    await Promise.all([large.stop(), hanging.stop()])
  })
})
