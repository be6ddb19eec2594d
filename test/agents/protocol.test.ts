import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { StartedPhase } from '../../shared/agents/protocol.ts'
import { newId } from '../../shared/ids.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

const base = '/api/agent/v1'

/** An agent by hand: it speaks the protocol without an engine. */
interface Speaker {
  token: string
  id: string
  call(method: string, path: string, body?: unknown, credential?: string): ReturnType<TestServer['api']>
}

interface Work extends StartedPhase {
  runId: string
  offer: string
}

describe('the agent protocol', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', document({ name: 'acme', email: 'a@example.com' }))
  })
  after(() => server.stop())

  let count = 0
  const makePool = async () => {
    const made = await server.api.post('/organizations/acme/agent-pools', document({ name: `pool-${++count}` }))
    return made.json.data.id as string
  }
  const makeToken = async (pool: string) => {
    const path = `/agent-pools/${pool}/authentication-tokens`
    return (await server.api.post(path, document({ description: 'x' }))).json.data.attributes.token as string
  }
  const registration = { name: 'a', version: '1', engines: [], labels: {}, concurrency: 2 }
  const speak = (token: string, id: string): Speaker => ({
    token,
    id,
    call: (method, path, body, credential) =>
      server.as(token)(method, `${base}${path}`, body, credential ? { 'tofutf-phase': credential } : {}),
  })
  const makeAgent = async (pool: string): Promise<Speaker> => {
    const token = await makeToken(pool)
    const made = await server.as(token).post(`${base}/agents`, registration)
    expect(made.status, made.text).to.equal(201)
    return speak(token, made.json.id)
  }
  const makeRun = async (pool: string, version = '1.11.4') => {
    const attributes = {
      name: `ws-${++count}`,
      'execution-mode': 'agent',
      'agent-pool-id': pool,
      'terraform-version': version,
    }
    const workspace = (await server.api.post('/organizations/acme/workspaces', document(attributes))).json.data.id
    await uploadConfiguration(server.api, workspace, { 'main.tf': 'output "x" { value = 1 }' })
    return startRun(server.api, workspace)
  }
  const take = (agent: Speaker) => agent.call('POST', `/agents/${agent.id}/take`, { waitSeconds: 0 })
  /** Waits for the offer as an agent does. */
  const takeOffer = async (agent: Speaker): Promise<{ offer: string; runId: string }> => {
    const answer = await agent.call('POST', `/agents/${agent.id}/take`, { waitSeconds: 5 })
    expect(answer.status, answer.text).to.equal(200)
    return answer.json
  }
  const startWork = async (agent: Speaker): Promise<Work> => {
    const { offer, runId } = await takeOffer(agent)
    const started = await agent.call('POST', `/agents/${agent.id}/start`, {}, offer)
    expect(started.status, started.text).to.equal(200)
    return { ...started.json, runId, offer }
  }
  const statusOf = async (runId: string) => (await server.api.get(`/runs/${runId}`)).json.data.attributes.status
  const logOf = async (phaseId: string) => {
    const rows = await server.app.db.any(sql.type(z.object({ data: z.instanceof(Buffer) }))`
      select data from log_chunks where phase_id = ${phaseId} order by start_offset`)
    return Buffer.concat(rows.map((row) => row.data)).toString()
  }
  const finished = {
    outcome: 'finished',
    hasChanges: false,
    counts: { additions: 0, changes: 0, destructions: 0, imports: 0 },
    generatedConfiguration: false,
  }
  const stateQuery = `serial=1&lineage=l&md5=${'0'.repeat(32)}&size=2&intermediate=false`
  const writes = (phaseId: string): [method: string, path: string, body: unknown][] => [
    ['POST', `/phases/${phaseId}/log?offset=1`, 'text'],
    ['PUT', `/phases/${phaseId}/state?${stateQuery}`, '{}'],
    ['PUT', `/phases/${phaseId}/artifacts/plan-file`, 'bytes'],
    ['POST', `/phases/${phaseId}/heartbeat`, {}],
    ['POST', `/phases/${phaseId}/release`, {}],
    ['POST', `/phases/${phaseId}/finish`, finished],
    ['GET', `/phases/${phaseId}/configuration`, undefined],
    ['GET', `/phases/${phaseId}/state`, undefined],
    ['GET', `/phases/${phaseId}/artifacts/plan-file`, undefined],
  ]

  it("an agent of pool A gets nothing of pool B's job, which still waits for B (SEC-09)", async () => {
    const [poolA, poolB] = [await makePool(), await makePool()]
    const [a, b] = [await makeAgent(poolA), await makeAgent(poolB)]
    const runId = await makeRun(poolB)
    const asked = await take(a)
    const { offer } = await takeOffer(b)
    const plan = (await server.api.get(`/runs/${runId}`)).json.data.relationships.plan.data.id

    const answers = await Promise.all([
      a.call('POST', `/agents/${b.id}/take`, { waitSeconds: 0 }),
      a.call('POST', `/agents/${a.id}/start`, {}, offer),
      a.call('POST', `/agents/${b.id}/start`, {}, offer),
      server.as(a.token).get(`/plans/${plan}`),
      server.as(a.token).get(`/runs/${runId}`),
      ...writes(plan).map(([method, path, body]) => a.call(method, path, body, offer)),
    ])

    expect(asked.status).to.equal(204)
    expect(answers.map((answer) => answer.status)).to.deep.equal(answers.map(() => 404))
    expect(await statusOf(runId)).to.equal('plan_queued')
    expect((await b.call('POST', `/agents/${b.id}/start`, {}, offer)).status).to.equal(200)
  })

  it("a caller cannot act as another pool's agent (SEC-10)", async () => {
    const [x, y] = [await makeAgent(await makePool()), await makeAgent(await makePool())]
    const before = (await server.api.get(`/agents/${y.id}`)).json.data

    const answers = await Promise.all([
      x.call('POST', `/agents/${y.id}/ping`, {}),
      x.call('POST', `/agents/${y.id}/exit`, { status: 'errored' }),
      x.call('POST', `/agents/${y.id}/take`, { waitSeconds: 0 }),
      x.call('POST', `/agents/${y.id}/start`, {}, 'forged.credential'),
      server.as(x.token).get(`/agents/${y.id}`),
      server.as(x.token).delete(`/agents/${y.id}`),
    ])

    for (const answer of answers) expect(answer.status).to.be.oneOf([403, 404])
    expect((await server.api.get(`/agents/${y.id}`)).json.data).to.deep.equal(before)
  })

  it('the credential of one running job is of no use for another (SEC-17)', async () => {
    const pool = await makePool()
    const agent = await makeAgent(pool)
    await makeRun(pool)
    await makeRun(pool)
    const [a, b] = [await startWork(agent), await startWork(agent)]
    const before = await logOf(b.work.phaseId)

    const answers = await Promise.all(
      writes(b.work.phaseId).flatMap(([method, path, body]) => [
        agent.call(method, path, body, a.credential),
        // the engine's own token of A, and A's credential with it
        server.as(a.work.server!.token)(method, base + path, body, { 'tofutf-phase': a.credential }),
      ]),
    )

    expect(answers.map((answer) => answer.status)).to.deep.equal(answers.map(() => 404))
    expect(await statusOf(b.runId)).to.equal('planning')
    expect(await logOf(b.work.phaseId)).to.equal(before)
    for (const { work, credential } of [a, b])
      expect((await agent.call('POST', `/phases/${work.phaseId}/finish`, finished, credential)).status).to.equal(204)
  })

  it('without a token, or with the token of a person, nothing starts, runs or ends (SEC-20)', async () => {
    const pool = await makePool()
    const agent = await makeAgent(pool)
    const runId = await makeRun(pool)
    const { offer } = await takeOffer(agent)
    const plan = (await server.api.get(`/runs/${runId}`)).json.data.relationships.plan.data.id
    const requests: [method: string, path: string, body: unknown][] = [
      ['POST', '/agents', registration],
      ['POST', `/agents/${agent.id}/ping`, {}],
      ['POST', `/agents/${agent.id}/take`, { waitSeconds: 0 }],
      ['POST', `/agents/${agent.id}/start`, {}],
      ['POST', `/agents/${agent.id}/exit`, { status: 'exited' }],
      ...writes(plan),
    ]
    const statuses = (token: string | null) =>
      Promise.all(
        requests.map(async ([method, path, body]) => {
          const answer = await server.as(token)(method, base + path, body, { 'tofutf-phase': offer })
          return answer.status
        }),
      )

    expect(new Set(await statuses(null))).to.deep.equal(new Set([401]))
    expect(new Set(await statuses('no-such-token'))).to.deep.equal(new Set([401]))
    expect(new Set(await statuses(server.siteToken))).to.deep.equal(new Set([404]))
    expect(await statusOf(runId)).to.equal('plan_queued')
  })

  it('what a former claim still writes is refused with 410 and changes nothing', async () => {
    const pool = await makePool()
    const agent = await makeAgent(pool)
    const runId = await makeRun(pool)
    const former = await startWork(agent)
    const again = await agent.call('POST', `/agents/${agent.id}/start`, {}, former.offer)
    expect(again.status).to.equal(200)

    const stale = await Promise.all(
      writes(former.work.phaseId).map(([method, path, body]) => agent.call(method, path, body, former.credential)),
    )

    expect(stale.map((answer) => answer.status)).to.deep.equal(stale.map(() => 410))
    expect(await statusOf(runId)).to.equal('planning')
    expect(await logOf(former.work.phaseId)).to.equal('\x02')
    const end = await agent.call('POST', `/phases/${former.work.phaseId}/finish`, finished, again.json.credential)
    expect(end.status).to.equal(204)
    expect(await statusOf(runId)).to.equal('planned_and_finished')
  })

  it('a repeated log piece, finish or start is done once', async () => {
    const pool = await makePool()
    const agent = await makeAgent(pool)
    await makeRun(pool)
    const { work, credential, logOffset } = await startWork(agent)
    const log = (offset: number, text: string) =>
      agent.call('POST', `/phases/${work.phaseId}/log?offset=${offset}`, text, credential)

    const pieces = [
      await log(logOffset, 'one '),
      await log(logOffset, 'one '),
      await log(logOffset, 'one two'),
      await log(logOffset + 100, 'after a gap'),
    ]
    const ends = [
      await agent.call('POST', `/phases/${work.phaseId}/finish`, finished, credential),
      await agent.call('POST', `/phases/${work.phaseId}/finish`, finished, credential),
    ]

    expect(pieces.map((answer) => answer.status)).to.deep.equal([204, 204, 204, 410])
    expect(ends.map((answer) => answer.status)).to.deep.equal([204, 204])
    expect(await logOf(work.phaseId)).to.equal('\x02one two\x03')
  })

  it('an apply whose start is repeated is taken once', async () => {
    const pool = await makePool()
    const agent = await makeAgent(pool)
    const runId = await makeRun(pool)
    const plan = await startWork(agent)
    const changes = { ...finished, hasChanges: true }
    await agent.call('POST', `/phases/${plan.work.phaseId}/finish`, changes, plan.credential)
    await server.api.post(`/runs/${runId}/actions/apply`, {})
    const { offer } = await takeOffer(agent)

    const starts = [
      await agent.call('POST', `/agents/${agent.id}/start`, {}, offer),
      await agent.call('POST', `/agents/${agent.id}/start`, {}, offer),
    ]

    expect(starts.map((answer) => answer.status)).to.deep.equal([200, 200])
    expect(starts[0]!.json.credential).to.equal(starts[1]!.json.credential)
    expect(await statusOf(runId)).to.equal('applying')
  })

  it('a revoked token ends what its agent does', async () => {
    const pool = await makePool()
    const agent = await makeAgent(pool)
    const runId = await makeRun(pool)
    const { work, credential } = await startWork(agent)
    const tokens = await server.api.get(`/agent-pools/${pool}/authentication-tokens`)
    await server.api.delete(`/authentication-tokens/${tokens.json.data[0].id}`)

    const answer = await agent.call('POST', `/phases/${work.phaseId}/finish`, finished, credential)

    expect(answer.status).to.equal(401)
    expect(await statusOf(runId)).to.equal('planning')
  })

  it('a run of a workspace whose pool does not allow it any more is refused, and never falls to the server', async () => {
    const pool = await makePool()
    await makeRun(pool)
    await server.api.patch(`/agent-pools/${pool}`, document({ 'organization-scoped': false }))
    const workspaces = (await server.api.get(`/agent-pools/${pool}`)).json.data.relationships.workspaces.data

    const relationships = { workspace: { data: { type: 'workspaces', id: workspaces[0].id } } }
    const answer = await server.api.post('/runs', document({}, relationships))

    expect(answer.status).to.equal(422)
    expect(answer.json.errors[0].detail).to.match(/does not allow this workspace/)
  })

  it("'latest' is the newest release that the pool's own agents have", async () => {
    const pool = await makePool()
    const engines = ['1.2.0', '1.9.3', '1.10.0-beta1'].map((version) => ({ name: 'terraform', version }))
    await server.as(await makeToken(pool)).post(`${base}/agents`, { ...registration, engines })

    const runId = await makeRun(pool, 'latest')

    expect((await server.api.get(`/runs/${runId}`)).json.data.attributes['terraform-version']).to.equal('1.9.3')
  })

  it('an agent that the server has forgotten is told so', async () => {
    const agent = await makeAgent(await makePool())

    expect(
      (await speak(agent.token, newId('agent')).call('POST', `/agents/${newId('agent')}/ping`, {})).status,
    ).to.equal(404)
  })
})
