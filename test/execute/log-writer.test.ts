import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { LogWriter } from '../../worker/execute/log-writer.ts'

describe('the log of a phase', () => {
  it('arrives in order and unchanged, in fewer sends than writes, the first without waiting for more', async () => {
    const sent: Buffer[] = []
    const writer = new LogWriter(
      async (bytes) => {
        await sleep(Math.random() * 5)
        sent.push(bytes)
      },
      () => {},
    )
    const bytes = Buffer.from('äöü😀'.repeat(500))

    writer.write('first\n')
    while (sent.length === 0) await sleep(5)
    expect(Buffer.concat(sent).toString()).to.equal('first\n')
    for (let at = 0; at < bytes.length; at += 3) writer.write(bytes.subarray(at, at + 3))
    await writer.end()

    expect(Buffer.concat(sent).equals(Buffer.concat([Buffer.from('first\n'), bytes]))).to.equal(true)
    expect(sent.length).to.be.lessThan(10)
  })

  it('asks its writer to wait when a megabyte is not sent yet', async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const writer = new LogWriter(
      () => gate,
      () => {},
    )

    for (let i = 0; i < 40; i++) writer.write(Buffer.alloc(64 * 1024))
    expect(writer.isFull).to.equal(true)
    release()
    await writer.drained()

    expect(writer.isFull).to.equal(false)
  })

  it('says once that a send failed, and throws it at the end', async () => {
    const errors: Error[] = []
    const writer = new LogWriter(
      () => Promise.reject(new Error('the server is away')),
      (error) => errors.push(error),
    )

    writer.write('a')
    await sleep(5)
    writer.write('b')
    const end = await writer.end().catch((error: Error) => error.message)

    expect([errors.length, end]).to.deep.equal([1, 'the server is away'])
  })
})
