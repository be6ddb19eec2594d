import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { sweeps } from '../../worker/background/sweep.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { logOf, type Stack, startStack } from '../support/stack.ts'

const waiting = (phase: 'data' | 'resource', ms: number) => `
terraform {
  required_providers {
    null = { source = "hashicorp/null" }
  }
}
resource "terraform_data" "first" {}
${phase} "null_wait" "slow" {
  ms = ${ms}
}
`

describe('the queue of real processes', function () {
  this.timeout(120_000)
  let stack: Stack
  let organization: string

  async function start(options: Parameters<typeof startStack>[0]): Promise<void> {
    stack = await startStack(options)
    organization = await stack.makeOrganization()
  }
  afterEach(async () => stack?.stop())

  async function makeWorkspace(configuration: string): Promise<string> {
    const { id } = await stack.makeWorkspace(organization)
    await uploadConfiguration(stack.api, id, { 'main.tf': configuration })
    return id
  }

  it('QUEUE-03 goes on while the web processes restart: the plan has its whole log, pending runs keep their order', async () => {
    await start({ runners: 1 })
    const workspace = await makeWorkspace(waiting('data', 8000))
    const first = await startRun(stack.api, workspace)
    const quick = await uploadConfiguration(stack.api, workspace, { 'main.tf': 'output "x" { value = 1 }' })
    const second = await startRun(stack.api, workspace, { 'auto-apply': true }, quick)
    const third = await startRun(stack.api, workspace, { 'auto-apply': true }, quick)
    await stack.waitForRun(first, 'planning')

    await stack.restartWebs()
    const planned = await stack.waitForRun(first, 'planned')
    const log = await logOf(stack.api, planned)
    await stack.api.post(`/runs/${first}/actions/discard`, {})
    const later = [
      await stack.waitForRun(second, 'applied'),
      await stack.waitForRun(third, 'applied', 'planned_and_finished'),
    ]

    expect(log).to.match(/^\x02/).and.contain('\x03')
    const at = (index: number) => Date.parse(later[index].attributes['status-timestamps']['plan-queued-at'])
    expect(at(0)).to.be.at.most(at(1))
  })

  it('QUEUE-05 a run for which no worker is free waits, says why, and starts when a slot is free', async () => {
    await start({ runners: 2, env: { TOFUTF_RUNNER_CONCURRENCY: '1' } })
    const workspaces = [await makeWorkspace(waiting('data', 6000)), await makeWorkspace(waiting('data', 6000))]
    const busy = await Promise.all(workspaces.map((workspace) => startRun(stack.api, workspace)))
    await Promise.all(busy.map((run) => stack.waitForRun(run, 'planning')))

    const run = await startRun(stack.api, await makeWorkspace('output "x" { value = 1 }'))
    const queued = await stack.waitForRun(run, 'plan_queued')
    await stack.waitForRun(run, 'planned')

    expect(queued.attributes['waiting-reason'].text).to.equal('All 2 slots of 2 runners are busy.')
    const { data } = (await stack.api.get(`/organizations/${organization}/runs`)).json
    expect(data.map((r: { attributes: { status: string } }) => r.attributes.status)).to.not.include('errored')
  })

  it('an apply beyond its time limit is interrupted by the scheduled sweep, keeps its state and says the limit', async () => {
    await start({ runners: 1 })
    const run = await startRun(stack.api, await makeWorkspace(waiting('resource', 300_000)), { 'auto-apply': true })
    await stack.waitForRun(run, 'applying')
    await stack.db.query(sql.void`
      update phases set started_at = now() - interval '2 days' where run_id = ${run} and kind = 'apply'`)

    const canceled = await waitForEnd(run)

    expect(canceled.attributes.status).to.equal('canceled')
    expect(canceled.attributes['error-reason']).to.contain('apply-timeout')
    const workspace = canceled.relationships.workspace.data.id
    const state = (await stack.api.get(`/workspaces/${workspace}/current-state-version`)).json.data
    expect(state.attributes.serial).to.be.greaterThan(0)
    const eachMinute = Object.keys(sweeps).filter((name) => sweeps[name]!.cron === '* * * * *')
    expect(await waitForSweeps(eachMinute)).to.include.members(eachMinute)
  })

  async function waitForSweeps(expected: string[]): Promise<string[]> {
    for (const until = Date.now() + 30_000; ; await sleep(500)) {
      const rows = await stack.db.any(sql.type(z.object({ name: z.string() }))`
        select name
        from sweeps
        where last_error is null`)
      const names = rows.map((row) => row.name)
      if (Date.now() > until || expected.every((name) => names.includes(name))) return names
    }
  }

  /** A sweep may be a minute away. */
  async function waitForEnd(run: string) {
    const until = Date.now() + 90_000
    for (;;) {
      const { data } = (await stack.api.get(`/runs/${run}`)).json
      if (data.attributes.status !== 'applying' || Date.now() > until) return data
      await sleep(500)
    }
  }

  for (const [words, offsetMs] of [
    ['ahead of', 120_000],
    ['behind', -120_000],
  ] as const)
    it(`QUEUE-21 a worker whose clock is two minutes ${words} the server's keeps its lease and applies once`, async () => {
      const clock = join(import.meta.dirname, '..', 'support', 'skewed-clock.ts')
      await start({
        runners: 1,
        runnerEnv: () => ({ NODE_OPTIONS: `--import=${clock}`, TEST_CLOCK_OFFSET_MS: `${offsetMs}` }),
      })
      // a lease lasts 10 s
      const run = await startRun(stack.api, await makeWorkspace(waiting('resource', 14_000)), { 'auto-apply': true })

      const applied = await stack.waitForRun(run, 'applied')

      const log = await logOf(stack.api, applied)
      expect(log.match(/Apply complete! Resources: 2 added/g)).to.have.length(1)
    })
})
