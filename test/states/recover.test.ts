import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { losePhase } from '../../shared/runs/hold.ts'
import { answerLeftRun, answerLeftState, recoverState } from '../../shared/states/recover.ts'
import { startRun } from '../support/configurations.ts'
import { execute, finished, makeRunnable, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { currentState, putState, resourcesOf, stateFile } from '../support/states.ts'

describe('the state that a lost apply left on a disk', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(() => server.stop())

  const lineage = '11111111-2222-3333-4444-555555555555'

  const left = (runId: string, workspaceId: string, serial: number, of = lineage) => {
    const text = stateFile({ serial, lineage: of, resources: { recovered: 'x' } })
    const md5 = createHash('md5').update(text).digest('hex')
    return { state: { runId, workspaceId, serial, lineage: of, md5 }, bytes: () => Readable.from([Buffer.from(text)]) }
  }

  const lose = async (workspaceId: string): Promise<string> => {
    const run = await startRun(server.api, workspaceId, { 'auto-apply': true })
    await execute(server, run, 'plan')
    await take(server, run, 'apply')
    await losePhase(server.app, run, 'apply')
    return run
  }

  const doubtOf = async (id: string) =>
    (await server.api.get(`/workspaces/${id}`)).json.data.attributes['state-may-differ']

  const events = async (run: string): Promise<string[]> =>
    (await server.api.get(`/runs/${run}/run-events`)).json.data.map(
      (e: { attributes: { action: string } }) => e.attributes.action,
    )

  it('becomes the workspace state when nothing else has written since, once', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    await putState(server.api, workspaceId, { serial: 3, lineage, resources: { before: 'x' } })
    const run = await lose(workspaceId)
    const { state, bytes } = left(run, workspaceId, 5)

    const first = await recoverState(server.app, state, bytes(), null)
    const second = await recoverState(server.app, state, bytes(), null)
    const { data } = (await server.api.get(`/runs/${run}`)).json

    expect([first, second]).to.deep.equal(['done', 'done'])
    expect((await currentState(server.api, workspaceId))!.serial).to.equal(5)
    expect(data.relationships['recoverable-state'].data).to.equal(null)
    expect((await events(run)).filter((action) => action === 'state_recovered')).to.have.length(1)
  })

  it('two runners that find it at the same time make one state version', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await lose(workspaceId)
    const { state, bytes } = left(run, workspaceId, 1)

    await Promise.all([1, 2, 3].map(() => recoverState(server.app, state, bytes(), null)))

    const versions = await server.api.get(
      `/state-versions?filter%5Borganization%5D%5Bname%5D=acme&filter%5Bworkspace%5D%5Bname%5D=${(await server.api.get(`/workspaces/${workspaceId}`)).json.data.attributes.name}`,
    )
    expect(versions.json.data).to.have.length(1)
  })

  it('is kept and offered on the run when another state was written since; a rollback takes it', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await lose(workspaceId)
    await putState(server.api, workspaceId, { serial: 9, lineage, resources: { other: 'x' } })
    const { state, bytes } = left(run, workspaceId, 10)

    await recoverState(server.app, state, bytes(), null)
    const offered = (await server.api.get(`/runs/${run}`)).json.data.relationships['recoverable-state'].data
    const kept = (await server.api.get(`/state-versions/${offered.id}`)).json.data.attributes
    const download = await server.api.get(kept['hosted-state-download-url'])
    const before = await resourcesOf(server.api, workspaceId)
    await server.api.post(`/workspaces/${workspaceId}/actions/lock`)
    const back = await server.api.patch(
      `/workspaces/${workspaceId}/state-versions`,
      document({}, { 'rollback-state-version': { data: { type: 'state-versions', id: offered.id } } }),
    )
    const after = (await server.api.get(`/runs/${run}`)).json.data.relationships['recoverable-state'].data

    expect(kept.status).to.equal('discarded')
    expect(download.json.serial).to.equal(10)
    expect(before).to.deep.equal(['terraform_data.other'])
    expect(back.status).to.equal(201)
    expect(await resourcesOf(server.api, workspaceId)).to.deep.equal(['terraform_data.recovered'])
    expect(after).to.equal(null)
  })

  it('is kept when its serial is not newer, its lineage another, or a person holds the lock', async () => {
    for (const change of ['serial', 'lineage', 'lock']) {
      const { workspaceId } = await makeRunnable(server, 'acme')
      await putState(server.api, workspaceId, { serial: 3, lineage })
      const run = await lose(workspaceId)
      const { state, bytes } = left(
        run,
        workspaceId,
        change === 'serial' ? 3 : 4,
        change === 'lineage' ? 'another' : lineage,
      )
      if (change === 'lock') await server.api.post(`/workspaces/${workspaceId}/actions/lock`)

      await recoverState(server.app, state, bytes(), null)

      expect(await resourcesOf(server.api, workspaceId), change).to.deep.equal([])
      expect(await events(run), change).to.include('state_kept')
    }
  })

  it('waits while its run goes on, is done with for an applied run, and stays for one that is not known', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await startRun(server.api, workspaceId, { 'auto-apply': true })
    await execute(server, run, 'plan')
    const claim = await take(server, run, 'apply')

    const during = await answerLeftRun(server.app, { runId: run, workspaceId }, null)
    const { finishPhase } = await import('../../shared/runs/hold.ts')
    await finishPhase(server.app, claim, finished())
    const after = await answerLeftRun(server.app, { runId: run, workspaceId }, null)
    const unknown = await answerLeftRun(server.app, { runId: 'run-0', workspaceId }, null)

    expect([during, after, unknown]).to.deep.equal(['wait', 'done', 'unknown'])
  })

  it('waits while another run of the workspace is applying', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await lose(workspaceId)
    const next = await startRun(server.api, workspaceId, { 'auto-apply': true })
    await execute(server, next, 'plan')
    await take(server, next, 'apply')

    const answer = await answerLeftState(server.app, left(run, workspaceId, 1).state, null)

    expect(answer).to.equal('wait')
  })

  it('an agent of a pool may not bring the state of another pool’s run, nor of a runner’s', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await lose(workspaceId)
    const { state, bytes } = left(run, workspaceId, 1)

    const answer = await recoverState(server.app, state, bytes(), { agentPoolId: 'apool-0' })

    expect(answer).to.equal('unknown')
    expect(await resourcesOf(server.api, workspaceId)).to.deep.equal([])
  })

  it('a workspace says that its state may differ until a person acknowledges it', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    const run = await lose(workspaceId)

    const doubt = await doubtOf(workspaceId)
    const answer = await server.api.post(`/workspaces/${workspaceId}/actions/acknowledge-state`)

    expect(doubt['run-id']).to.equal(run)
    expect(new Date(doubt.since).getTime()).to.be.closeTo(Date.now(), 60_000)
    expect(answer.status).to.equal(200)
    expect(answer.json.data.attributes['state-may-differ']).to.equal(null)
  })

  it('a refresh-only run settles the doubt: without changes at its plan, else when it is applied', async () => {
    const { workspaceId } = await makeRunnable(server, 'acme')
    await lose(workspaceId)
    const usual = await startRun(server.api, workspaceId, { 'auto-apply': true })
    await execute(server, usual, 'plan')
    await execute(server, usual, 'apply')
    const afterUsual = await doubtOf(workspaceId)

    const refresh = await startRun(server.api, workspaceId, { 'refresh-only': true, 'auto-apply': true })
    await execute(server, refresh, 'plan')
    const afterPlan = await doubtOf(workspaceId)
    await execute(server, refresh, 'apply')
    const afterApply = await doubtOf(workspaceId)

    await lose(workspaceId)
    const clean = await startRun(server.api, workspaceId, { 'refresh-only': true, 'plan-only': true })
    await execute(server, clean, 'plan', finished(false))

    expect(afterUsual).to.be.an('object')
    expect(afterPlan).to.be.an('object')
    expect(afterApply).to.equal(null)
    expect(await doubtOf(workspaceId)).to.equal(null)
  })
})
