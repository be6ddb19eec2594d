import { expect } from 'chai'
import type { Pool } from '../../db/pool.ts'
import { openBlobs } from '../../shared/blobs.ts'
import { phaseWork } from '../../shared/runs/work.ts'
import { startRun } from '../support/configurations.ts'
import { makeRunnable } from '../support/runs.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** As if the answer of each statement was lost after it was committed: it is sent again (db/patient.ts). */
const twice = (pool: Pool): Pool =>
  new Proxy(pool, {
    get(target, name, receiver) {
      const value = Reflect.get(target, name, receiver)
      if (!['any', 'maybeOne', 'one', 'query'].includes(String(name))) return value
      return async (...args: unknown[]) => {
        await value.apply(target, args)
        return value.apply(target, args)
      }
    },
  })

describe('a worker whose database loses every answer', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', { data: { attributes: { name: 'acme', email: 'a@b.example' } } })
  })
  after(() => server.stop())

  it('reads its work, the token of its engine included', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const runId = await startRun(server.api, workspaceId)

    const work = await phaseWork({ ...server.app, db: twice(server.app.db) }, { runId, phase: 'plan' }, server.url)

    expect(work.server!.token).to.match(/\.atlasv1\./)
  })

  for (const [what, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['one chunk', Buffer.from('state')],
    ['several chunks', Buffer.alloc(2_500_000, 'abc')],
  ] as const) {
    it(`stores ${what} once, and it reads as it was`, async () => {
      const blobs = openBlobs(twice(server.app.db), server.app.secrets)

      const { id } = await blobs.put([bytes] as never, { maxBytes: 10_000_000, tooLarge: '' })

      expect((await server.app.blobs.bytes(id, 10_000_000)).equals(bytes)).to.equal(true)
    })
  }
})
