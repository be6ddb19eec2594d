import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { findFaults, selectRuns, untilAllEnded } from '../chaos/proofs.ts'
import { makeWorld, type World } from '../chaos/world.ts'
import type { Process } from '../support/processes.ts'

describe('a rolling restart of every process under load', function () {
  this.timeout(180_000)
  let world: World
  before(async () => {
    world = await makeWorld({
      webs: 2,
      runners: 2,
      concurrency: 2,
      env: { TOFUTF_DRAIN_GRACE: '60', TOFUTF_LOG_LEVEL: 'warn' },
    })
  })
  after(() => world.end())

  /** SIGTERM, its end by itself, and the next one of its kind is up. */
  async function restart(list: Process[], index: number): Promise<void> {
    const old = list[index]!
    old.kill('SIGTERM')
    expect(await old.ended).to.equal('code 0')
    list[index] = old.again()
    await sleep(1500)
  }

  it('loses and cancels nothing: every run is applied, once', async () => {
    const { stack } = world
    const workspaces = await Promise.all(
      Array.from({ length: 5 }, () => world.makeWorkspace({ env: { CHAOS_SLEEP: '1' } })),
    )
    let isLoading = true
    const loading = (async () => {
      for (let i = 0; isLoading; i++) {
        await world.startRun(workspaces[i % workspaces.length]!)
        await sleep(400)
      }
    })()

    for (const list of [stack.workers, stack.webs, stack.jobs])
      for (const index of list.keys()) await restart(list, index)
    isLoading = false
    await loading
    await untilAllEnded(world, 90_000)

    expect(await findFaults(world)).to.deep.equal([])
    const statuses = new Set((await selectRuns(world)).map((run) => run.status))
    expect([...statuses]).to.deep.equal(['applied'])
  })

  it('QUEUE-35 of a worker that is killed just after the init error the printed lines are in a log that is closed', async () => {
    const { stack, db } = world
    const run = await world.startRun(await world.makeWorkspace({ env: { CHAOS_INIT_FAILS: '1' } }))
    const log = async () => {
      const { json } = await stack.as(stack.siteToken).get(`/runs/${run}`)
      const plan = await stack.as(stack.siteToken).get(`/plans/${json.data.relationships.plan.data.id}`)
      return (await fetch(plan.json.data.attributes['log-read-url'])).text()
    }
    for (const until = Date.now() + 30_000; !(await log()).includes('cannot be had'); await sleep(50))
      if (Date.now() > until) throw new Error(await log())

    const { killHolder } = await import('./kill-holder.ts')
    const index = await killHolder({ ...stack, db }, run, 'plan')
    stack.workers[index] = stack.workers[index]!.again()
    await untilAllEnded(world, 60_000)

    const text = await log()
    expect((await selectRuns(world)).find((r) => r.id === run)!.status).to.equal('errored')
    expect(text.match(/cannot be had/g)!.length).to.be.greaterThanOrEqual(2)
    expect(text.at(-1)).to.equal('\u0003')
  })
})
