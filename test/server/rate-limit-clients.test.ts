import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { StartedPhase } from '../../shared/agents/protocol.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

const LIMIT = 30
const base = '/api/agent/v1'

describe('clients of a server with a rate limit', function () {
  this.timeout(120_000)
  let server: TestServer
  before(async () => {
    server = await startServer({ TOFUTF_RATE_LIMIT: `${LIMIT}` })
    await polite(() => server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' })))
  })
  after(() => server.stop())

  type Answer = Awaited<ReturnType<TestServer['api']['get']>>
  let refusals = 0

  /** As the official client does: after a 429 it waits for as long as the answer says. */
  async function polite(call: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const answer = await call()
      if (answer.status !== 429) return answer
      refusals++
      await sleep(Number(answer.headers.get('X-RateLimit-Reset')) * 1000 + 10)
    }
  }

  const make = async (path: string, attributes: Record<string, unknown>) =>
    (await polite(() => server.api.post(path, document(attributes)))).json.data

  it('API-14 300 variables made 50 at a time are each there once, refused requests did nothing', async () => {
    const { id } = await make('/organizations/acme/workspaces', { name: 'many' })
    const keys = Array.from({ length: 300 }, (_, i) => `key_${i}`)
    const waiting = [...keys]
    refusals = 0
    const worker = async () => {
      for (let key = waiting.pop(); key; key = waiting.pop()) {
        const variable = document({ key, value: 'x', category: 'terraform' })
        const made = await polite(() => server.api.post(`/workspaces/${id}/vars`, variable))
        expect(made.status, made.text).to.equal(201)
      }
    }

    await Promise.all(Array.from({ length: 50 }, worker))

    expect(refusals).to.be.greaterThan(0)
    const all = (await polite(() => server.api.get(`/workspaces/${id}/vars`))).json.data
    expect(all.map((v: { attributes: { key: string } }) => v.attributes.key)).to.have.members(keys)
  })

  it("API-15 the logs and heartbeats of 20 agents are never refused, nor do they use up a person's limit", async () => {
    const pool = await make('/organizations/acme/agent-pools', { name: 'crowd' })
    const { token } = (await make(`/agent-pools/${pool.id}/authentication-tokens`, { description: 'x' })).attributes
    const agent = server.as(token)
    const registration = { name: 'a', version: '1', engines: [], labels: {}, concurrency: 1 }
    const phases: (StartedPhase & { offer: string })[] = []
    for (let i = 0; i < 20; i++) {
      const workspace = await make('/organizations/acme/workspaces', {
        name: `ws-${i}`,
        'execution-mode': 'agent',
        'agent-pool-id': pool.id,
        'terraform-version': '1.11.4',
      })
      await sleep(1000 / LIMIT)
      await uploadConfiguration(server.api, workspace.id, { 'main.tf': '' })
      await sleep(4000 / LIMIT)
      await startRun(server.api, workspace.id)
      const { id } = (await agent.post(`${base}/agents`, registration)).json
      const { offer } = (await agent.post(`${base}/agents/${id}/take`, { waitSeconds: 5 })).json
      phases.push({ ...(await agent('POST', `${base}/agents/${id}/start`, {}, { 'tofutf-phase': offer })).json, offer })
    }
    await sleep(1100)

    const chatter = phases.map(async ({ work, credential }) => {
      const statuses: number[] = []
      for (let i = 0; i < 30; i++) {
        const of = { 'tofutf-phase': credential }
        statuses.push((await agent('POST', `${base}/phases/${work.phaseId}/log?offset=${1 + i}`, 'x', of)).status)
        statuses.push((await agent('POST', `${base}/phases/${work.phaseId}/heartbeat`, {}, of)).status)
      }
      return statuses
    })
    const person = await Promise.all(Array.from({ length: LIMIT }, () => server.api.get('/account/details')))
    const said = (await Promise.all(chatter)).flat()

    expect(said).to.have.lengthOf(20 * 60)
    expect([...new Set(said)].filter((status) => status >= 300)).to.be.empty
    expect(new Set(person.map((answer) => answer.status))).to.deep.equal(new Set([200]))
  })
})
