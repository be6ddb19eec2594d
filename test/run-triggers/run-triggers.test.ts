import { expect } from 'chai'
import { startRun } from '../support/configurations.ts'
import { execute, makeRunnable, statusOf } from '../support/runs.ts'
import { type Answer, document, startServer, type TestServer } from '../support/server.ts'

describe('run triggers', () => {
  let server: TestServer
  let organization: string
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())
  beforeEach(async () => {
    organization = `org-${Math.random().toString(36).slice(2)}`
    await server.api.post('/organizations', document({ name: organization, email: 'ops@acme.example' }))
  })

  const workspace = async (attributes = {}) => (await makeRunnable(server, organization, attributes)).workspaceId

  const connect = (source: string, to: string): Promise<Answer> =>
    server.api.post(
      `/workspaces/${to}/run-triggers`,
      document({}, { sourceable: { data: { type: 'workspaces', id: source } } }),
    )

  const runsOf = async (id: string) => (await server.api.get(`/workspaces/${id}/runs`)).json.data

  const apply = async (id: string): Promise<string> => {
    const run = await startRun(server.api, id, { 'auto-apply': true })
    await execute(server, run, 'plan')
    await execute(server, run, 'apply')
    return run
  }

  it('a trigger is read, listed from both sides with its workspaces, and deleted', async () => {
    const [source, target] = [await workspace(), await workspace()]
    const made = await connect(source, target)
    const { id } = made.json.data
    const list = (of: string, type: string) =>
      server.api.get(`/workspaces/${of}/run-triggers?filter%5Brun-trigger%5D%5Btype%5D=${type}`)

    const inbound = await list(target, 'inbound&include=sourceable')
    const outbound = await list(source, 'outbound')
    const none = await list(source, 'inbound')
    const read = await server.api.get(`/run-triggers/${id}?include=workspace,sourceable`)
    const deleted = await server.api.delete(`/run-triggers/${id}`)
    const gone = await server.api.get(`/run-triggers/${id}`)

    expect(made.status).to.equal(201)
    expect(made.json.data.attributes).to.have.keys('workspace-name', 'sourceable-name', 'created-at')
    expect(inbound.json.data.map((t: { id: string }) => t.id)).to.deep.equal([id])
    expect(inbound.json.included.map((w: { id: string }) => w.id)).to.deep.equal([source])
    expect(outbound.json.data.map((t: { id: string }) => t.id)).to.deep.equal([id])
    expect(none.json.meta.pagination['total-count']).to.equal(0)
    expect(read.json.included.map((w: { id: string }) => w.id)).to.have.members([source, target])
    expect([deleted.status, gone.status]).to.deep.equal([204, 404])
  })

  it('a list without a direction answers 400, a source that is missing, foreign or the workspace itself 422', async () => {
    const target = await workspace()

    const list = await server.api.get(`/workspaces/${target}/run-triggers`)
    const without = await server.api.post(`/workspaces/${target}/run-triggers`, document({}))
    const foreign = await connect('ws-0000000000000000', target)
    const itself = await connect(target, target)

    expect([list, without, foreign, itself].map((a) => a.status)).to.deep.equal([400, 422, 422, 422])
  })

  it('QUEUE-22 a trigger that would close a loop is refused, also over several workspaces', async () => {
    const [a, b, c] = [await workspace(), await workspace(), await workspace()]
    await connect(a, b)
    await connect(b, c)

    const direct = await connect(b, a)
    const around = await connect(c, a)
    const twice = await connect(a, b)
    const across = await connect(a, c)

    expect([direct, around, twice, across].map((x) => x.status)).to.deep.equal([422, 422, 422, 201])
    expect(direct.json.errors[0].detail).to.match(/loop/)
  })

  it('of two triggers made at once that close a loop together one is refused', async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b] = [await workspace(), await workspace()]

      const answers = await Promise.all([connect(a, b), connect(b, a)])

      expect(answers.map((x) => x.status).sort()).to.deep.equal([201, 422])
    }
  })

  it('the 21st source of a workspace is refused', async () => {
    const target = await workspace()
    for (let i = 0; i < 20; i++) expect((await connect(await workspace(), target)).status).to.equal(201)

    const refused = await connect(await workspace(), target)

    expect(refused.status).to.equal(422)
    expect(refused.json.errors[0].detail).to.match(/at most 20/)
  })

  it('an applied run starts a run in each dependent, applied by itself where the workspace says so', async () => {
    const source = await workspace()
    const asks = await workspace({ 'auto-apply': true })
    const goesOn = await workspace({ 'auto-apply-run-trigger': true })
    for (const target of [asks, goesOn]) await connect(source, target)

    const applied = await apply(source)
    const [[first], [second]] = [await runsOf(asks), await runsOf(goesOn)]
    await execute(server, first.id, 'plan')
    await execute(server, second.id, 'plan')

    expect(first.attributes).to.include({ 'trigger-reason': 'run_trigger', 'auto-apply': false })
    expect(first.attributes.message).to.include(`Triggered by run ${applied}`)
    expect(await statusOf(server, first.id)).to.equal('planned')
    expect(await statusOf(server, second.id)).to.equal('apply_queued')
  })

  it('a run without changes, and one that errs, start nothing', async () => {
    const [source, target] = [await workspace(), await workspace()]
    await connect(source, target)
    const run = await startRun(server.api, source, { 'auto-apply': true })
    await execute(server, run, 'plan')
    await execute(server, run, 'apply', { outcome: 'errored', reason: 'it broke' })

    expect(await runsOf(target)).to.deep.equal([])
  })

  it('a dependent that cannot run does not keep the apply from ending, nor the others from running', async () => {
    const source = await workspace()
    const created = await server.api.post(`/organizations/${organization}/workspaces`, document({ name: 'bare' }))
    const bare = created.json.data.id
    const target = await workspace()
    await connect(source, bare)
    await connect(source, target)

    const applied = await apply(source)

    expect(await statusOf(server, applied)).to.equal('applied')
    expect(await runsOf(bare)).to.deep.equal([])
    expect(await runsOf(target)).to.have.length(1)
  })
})
