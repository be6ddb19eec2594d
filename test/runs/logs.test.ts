import { expect } from 'chai'
import { finishPhase } from '../../shared/runs/hold.ts'
import { appendLog } from '../../shared/runs/logs.ts'
import { startRun } from '../support/configurations.ts'
import { finished, makeRunnable, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('the log of a phase', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  async function logUrl(run: string, phase: 'plan' | 'apply' = 'plan'): Promise<string> {
    const { data } = (await server.api.get(`/runs/${run}`)).json
    const kind = phase === 'plan' ? 'plans' : 'applies'
    return (await server.api.get(`/${kind}/${data.relationships[phase].data.id}`)).json.data.attributes['log-read-url']
  }
  const read = async (url: string, offset: number, limit: number) => {
    const response = await fetch(`${url}?limit=${limit}&offset=${offset}`)
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }
  }

  it('CORE-27 is read in pieces of any size, from STX to ETX, and empty at and past its end', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    const claim = await take(server, run, 'plan')
    const text = Buffer.from('Terraform v1.11.4 — grüße\n'.repeat(50))
    for (let at = 0; at < text.length; at += 7) {
      await server.app.db.transaction((tx) => appendLog(tx, claim.phaseId, claim.claim, text.subarray(at, at + 7)))
    }
    await finishPhase(server.app, claim, finished(false))
    const url = await logUrl(run)
    const length = text.length + 2

    for (const limit of [4, 1000, 65536]) {
      const pieces: Buffer[] = []
      for (let offset = 0; offset < length; offset += limit) {
        const piece = await read(url, offset, limit)
        expect(piece.status).to.equal(200)
        pieces.push(piece.bytes)
      }
      const whole = Buffer.concat(pieces)
      expect(whole[0]).to.equal(2)
      expect(whole.at(-1)).to.equal(3)
      expect(whole.subarray(1, -1).equals(text)).to.equal(true)
    }
    for (const offset of [length, length + 1000]) {
      const past = await read(url, offset, 4)
      expect(past.status).to.equal(200)
      expect(past.bytes).to.have.length(0)
    }
  })

  it('has an address before the run leaves pending, and reads as empty', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    await startRun(server.api, workspaceId)
    const pending = await startRun(server.api, workspaceId)

    const plan = await read(await logUrl(pending), 0, 65536)
    const apply = await read(await logUrl(pending, 'apply'), 0, 65536)

    expect([plan.status, plan.bytes.length, apply.status, apply.bytes.length]).to.deep.equal([200, 0, 200, 0])
  })

  it('of a phase that never ran is closed when the run ends, so that no reader waits', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)

    await server.api.post(`/runs/${run}/actions/cancel`, {})

    expect([...(await read(await logUrl(run), 0, 10)).bytes]).to.deep.equal([2, 3])
    expect([...(await read(await logUrl(run, 'apply'), 0, 10)).bytes]).to.deep.equal([2, 3])
  })

  it('takes nothing from a worker whose phase was taken over', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    const first = await take(server, run, 'plan')
    const second = await take(server, run, 'plan')

    const late = await server.app.db
      .transaction((tx) => appendLog(tx, first.phaseId, first.claim, Buffer.from('late')))
      .then(
        () => 'accepted',
        (error: Error) => error.constructor.name,
      )
    await server.app.db.transaction((tx) => appendLog(tx, second.phaseId, second.claim, Buffer.from('ok')))

    expect(late).to.equal('ClaimLost')
    expect((await read(await logUrl(run), 0, 100)).bytes.toString()).to.equal('\x02ok')
  })

  it('has an address that works for its own log only', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId)
    const url = await logUrl(run)

    const forged = url.replace(/plan-\w+/, 'plan-AAAAAAAAAAAAAAAA')

    expect((await read(forged, 0, 10)).status).to.equal(404)
  })
})
