import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { isFinal, statuses } from '../../shared/runs/lifecycle.ts'
import { waitingReasons } from '../../shared/runs/waiting.ts'
import { startRun } from '../support/configurations.ts'
import { execute, finished, makeRunnable, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { countStatements } from '../support/statements.ts'

describe('why a run waits', () => {
  let server: TestServer
  let organizations = 0
  before(async () => {
    server = await startServer({ TOFUTF_ENGINE_DOWNLOAD: 'false' })
  })
  after(() => server.stop())
  beforeEach(() => server.app.db.query(sql.void`delete from runners`))

  async function makeOrganization(attributes: Record<string, unknown> = {}): Promise<string> {
    const name = `org-${++organizations}`
    await server.api.post('/organizations', document({ name, email: 'ops@acme.example', ...attributes }))
    return name
  }
  async function makeWorkspace(attributes: Record<string, unknown> = {}): Promise<string> {
    return (await makeRunnable(server, await makeOrganization(), attributes)).workspaceId
  }
  const attributesOf = async (run: string) => (await server.api.get(`/runs/${run}`)).json.data.attributes
  const reasonOf = async (run: string) => (await attributesOf(run))['waiting-reason']
  const confirm = (run: string) => server.api.post(`/runs/${run}/actions/apply`, {})
  const announceRunner = (concurrency = 1, versions: string[] = []) =>
    server.app.db.query(sql.void`
      insert into runners (id, name, concurrency, engines)
      values ('runner-1', 'r', ${concurrency}, ${sql.jsonb(versions.map((version) => ({ name: 'terraform', version })))})`)

  it('behind another run: which one, what it does, since when, and how many are between', async () => {
    const workspaceId = await makeWorkspace()
    const holder = await startRun(server.api, workspaceId)
    const [second, third] = [await startRun(server.api, workspaceId), await startRun(server.api, workspaceId)]

    const planning = await reasonOf(second)
    await execute(server, holder, 'plan')
    const planned = await reasonOf(second)
    const last = await reasonOf(third)
    const { 'planned-at': plannedAt } = (await attributesOf(holder))['status-timestamps']

    expect(planning).to.include({ code: 'behind-run', 'run-id': holder })
    expect(planning.text).to.equal('Behind run #1, whose plan is queued.')
    expect(planned.text).to.equal('Behind run #1, which waits for a confirmation.')
    expect(Math.floor(Date.parse(planned.since) / 1000)).to.equal(Date.parse(plannedAt) / 1000)
    expect(last.text).to.equal(
      'Behind run #1, which waits for a confirmation. 1 older run of the workspace is before it.',
    )
  })

  it('behind a lock of a person: who, why and since when', async () => {
    const workspaceId = await makeWorkspace()
    await server.api.post(`/workspaces/${workspaceId}/actions/lock`, { reason: 'migration' })
    const run = await startRun(server.api, workspaceId)

    const reason = await reasonOf(run)

    expect(reason.code).to.equal('workspace-locked')
    expect(reason.text).to.match(/^The workspace is locked by .+: migration\.$/)
    expect(Date.parse(reason.since)).to.be.closeTo(Date.now(), 10_000)
  })

  it('for a person’s confirmation, and none while it is executed or over', async () => {
    const workspaceId = await makeWorkspace()
    const run = await startRun(server.api, workspaceId)
    await take(server, run, 'plan')
    const planning = await reasonOf(run)
    await execute(server, run, 'plan')

    const planned = await reasonOf(run)
    await confirm(run)
    await execute(server, run, 'apply')

    expect(planning).to.equal(null)
    expect(planned.code).to.equal('confirmation')
    expect(await reasonOf(run)).to.equal(null)
  })

  it('no runner alive', async () => {
    const run = await startRun(server.api, await makeWorkspace())

    expect(await reasonOf(run)).to.include({ code: 'no-runners', text: 'No runner is alive.' })
  })

  it('all slots of the runners busy, with the number of those before it', async () => {
    const busy = await startRun(server.api, await makeWorkspace({ 'terraform-version': '1.11.4' }))
    await server.app.db.query(
      sql.void`update phases set status = 'finished' where status in ('queued', 'running') and run_id <> ${busy}`,
    )
    await announceRunner(1, ['1.11.4'])
    await take(server, busy, 'plan')
    await startRun(server.api, await makeWorkspace({ 'terraform-version': '1.11.4' }))
    const run = await startRun(server.api, await makeWorkspace({ 'terraform-version': '1.11.4' }))

    expect(await reasonOf(run)).to.include({
      code: 'runners-busy',
      text: 'All 1 slot of 1 runner are busy. 1 other is before it.',
    })
    await execute(server, busy, 'plan')
    expect((await reasonOf(run)).code).to.equal('starting')
  })

  it('its version of the engine is on no runner and may not be downloaded', async () => {
    await announceRunner(4, ['1.11.4'])
    const run = await startRun(server.api, await makeWorkspace({ 'terraform-version': '~> 1.11' }))
    await server.app.db.query(sql.void`update runs set engine_version = '1.2.3' where id = ${run}`)

    const reason = await reasonOf(run)

    expect(reason.code).to.equal('engine-missing')
    expect(reason.text).to.contain('terraform 1.2.3')
  })

  it('the limit of its organization, with the number in work', async () => {
    const organization = await makeOrganization({ 'concurrent-run-limit': 1 })
    const first = await makeRunnable(server, organization)
    const second = await makeRunnable(server, organization)
    await startRun(server.api, first.workspaceId)
    const run = await startRun(server.api, second.workspaceId)

    expect(await reasonOf(run)).to.include({
      code: 'organization-limit',
      text: 'The organization has 1 of at most 1 runs in work.',
    })
  })

  it('its agent pool: no living agent, its limit, all slots busy', async () => {
    const organization = await makeOrganization()
    const made = await server.api.post(`/organizations/${organization}/agent-pools`, document({ name: 'eu' }))
    const poolId = made.json.data.id as string
    const inPool = { 'execution-mode': 'agent', 'agent-pool-id': poolId }
    const start = async () => startRun(server.api, (await makeRunnable(server, organization, inPool)).workspaceId)
    const [busy, run] = [await start(), await start()]

    const none = await reasonOf(run)
    await server.app.db.query(sql.void`
      insert into agents (id, agent_pool_id, name, concurrency, status, last_ping_at)
      values ('agent-1', ${poolId}, 'a', 1, 'idle', now() - interval '1 hour')`)
    const lost = await reasonOf(run)
    await server.app.db.query(sql.void`update agents set last_ping_at = now()`)
    const free = await reasonOf(run)
    await take(server, busy, 'plan')
    const full = await reasonOf(run)
    await server.api.patch(`/agent-pools/${poolId}`, document({ 'concurrent-run-limit': 1 }))
    const held = await reasonOf(await start())

    expect(none).to.include({ code: 'no-agents', text: 'No agent of pool eu is alive.' })
    expect(lost.text).to.match(/^No agent of pool eu is alive\. The last sign of one came at 20[-\d]+ [:\d]+ UTC\.$/)
    expect(free).to.include({ code: 'starting' })
    expect(free.text).to.match(/^Starts when an agent of pool eu takes it\./)
    expect(full).to.include({ code: 'agents-busy', text: 'All 1 slot of 1 agent are busy.' })
    expect(held.code).to.equal('agent-pool-limit')
  })

  it('a workspace that is free, until a missed promotion is repaired', async () => {
    const workspaceId = await makeWorkspace()
    await startRun(server.api, workspaceId)
    const run = await startRun(server.api, workspaceId)
    await server.app.db.query(sql.void`update workspaces set holder_run_id = null where id = ${workspaceId}`)

    expect((await reasonOf(run)).code).to.equal('turn')
  })

  it('no status that is neither final nor executing lacks a reason', async () => {
    const run = await startRun(server.api, await makeWorkspace())

    for (const status of statuses) {
      await server.app.db.query(sql.void`update runs set status = ${status} where id = ${run}`)
      const reason = (await waitingReasons(server.app, server.app.db, [{ id: run, status }])).get(run)
      const isSilent = isFinal(status) || status === 'planning' || status === 'applying'
      expect(reason === undefined, status).to.equal(isSilent)
      if (reason) expect(reason.text, status).to.match(/\.$/)
    }
  })

  it('costs a list the same number of statements however many runs wait', async () => {
    const workspaceId = await makeWorkspace()
    await startRun(server.api, workspaceId)
    await startRun(server.api, workspaceId)
    const list = () => server.api.get(`/workspaces/${workspaceId}/runs?page[size]=100`)
    await list()

    const few = await countStatements(server, list)
    for (let i = 0; i < 10; i++) await startRun(server.api, workspaceId)
    const many = await countStatements(server, list)

    expect(many).to.equal(few)
  })

  it('usual durations are the median of the last ten, and a run behind one that applies gets a time', async () => {
    const workspaceId = await makeWorkspace()
    for (const _ of Array.from({ length: 3 })) {
      const run = await startRun(server.api, workspaceId)
      await execute(server, run, 'plan')
      await confirm(run)
      await execute(server, run, 'apply')
    }
    await server.app.db.query(sql.void`
      update phases p
      set started_at = p.finished_at - make_interval(secs => r.number * 10)
      from runs r
      where r.id = p.run_id and r.workspace_id = ${workspaceId}`)
    const holder = await startRun(server.api, workspaceId)
    const behind = await startRun(server.api, workspaceId)
    await execute(server, holder, 'plan')
    const undecided = await attributesOf(behind)
    await confirm(holder)
    await take(server, holder, 'apply')

    const decided = await attributesOf(behind)

    // the plan of the holder took no time
    expect(undecided['usual-durations']).to.deep.equal({ plan: 15, apply: 20 })
    expect(undecided['estimated-start']).to.equal(null)
    expect(Date.parse(decided['estimated-start'])).to.be.closeTo(Date.now() + 20_000, 5_000)
    expect((await attributesOf(holder))['estimated-start']).to.equal(null)
    await execute(server, await startRun(server.api, await makeWorkspace()), 'plan', finished(false))
  })
})
