import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { sweep } from '../../worker/background/sweep.ts'
import { startRun } from '../support/configurations.ts'
import { makeMember, makeOrganization } from '../support/people.ts'
import { makeRunnable, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('metrics of the queues', () => {
  let server: TestServer
  let poolId: string
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
    const pool = await server.api.post(
      '/organizations/acme/agent-pools',
      document({ name: 'eu', 'concurrent-run-limit': 2 }),
    )
    poolId = pool.json.data.id
    const inPool = { 'execution-mode': 'agent', 'agent-pool-id': poolId }
    for (let i = 0; i < 3; i++) await startRun(server.api, (await makeRunnable(server, 'acme', inPool)).workspaceId)
    const running = await startRun(server.api, (await makeRunnable(server, 'acme')).workspaceId)
    await startRun(server.api, (await makeRunnable(server, 'acme')).workspaceId)
    await take(server, running, 'plan')
    await server.app.db.query(
      sql.void`update phases set queued_at = now() - interval '1 minute' where queue = ${poolId}`,
    )
    await server.app.db.query(sql.void`insert into runners (id, name, concurrency) values ('runner-1', 'r', 4)`)
  })
  after(() => server.stop())

  it('one read of a pool tells what its agents could take now and how long the oldest has waited', async () => {
    const { status, json } = await server.api.get(`/agent-pools/${poolId}/queue`)

    expect(status).to.equal(200)
    expect(json.data).to.include({ type: 'queue-statuses', id: poolId })
    expect(json.data.attributes).to.include({
      executable: 2,
      'executable-plans': 2,
      'held-back': 1,
      running: 0,
      workers: 0,
    })
    expect(json.data.attributes['oldest-wait-seconds']).to.be.within(60, 70)
  })

  it('a site admin reads all queues; others learn nothing', async () => {
    const bob = await makeMember(server, await makeOrganization(server))

    const { data } = (await server.api.get('/admin/queue')).json

    expect(data.map((d: { id: string }) => d.id)).to.deep.equal(['runs', poolId])
    expect(data[0].attributes).to.include({ executable: 1, running: 1, workers: 1, slots: 4 })
    for (const path of ['/admin/queue', `/agent-pools/${poolId}/queue`])
      expect((await bob.api.get(path)).status, path).to.equal(404)
  })

  it('SEC-37 /metrics is for the site token: 401 for nobody, 404 for everybody else', async () => {
    const bob = await makeMember(server, await makeOrganization(server))
    await sweep(server.app, 'missed-promotions')

    const page = await server.api.get(`${server.url}/metrics`)

    expect(page.status).to.equal(200)
    expect(page.headers.get('content-type')).to.contain('text/plain')
    expect(page.text).to.contain('tofutf_queue_executable{queue="runs",band="plan"} 1\n')
    expect(page.text).to.contain(`tofutf_queue_held_back{queue="${poolId}"} 1\n`)
    expect(page.text).to.contain('tofutf_queue_running{queue="runs"} 1\n')
    expect(page.text).to.contain('tofutf_runs_unfinished{status="planning"} 1\n')
    expect(page.text).to.contain('tofutf_workers_alive{queue="runs"} 1\n')
    expect(page.text).to.contain('tofutf_sweep_runs{sweep="missed-promotions"} 1\n')
    expect(page.text).to.contain('process_resident_memory_bytes')
    expect((await server.as(null).get(`${server.url}/metrics`)).status).to.equal(401)
    expect((await bob.api.get(`${server.url}/metrics`)).status).to.equal(404)
  })
})
