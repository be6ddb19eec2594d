import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { processesBelow } from '../support/processes.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { killHolder } from './kill-holder.ts'

const slow = (phase: 'data' | 'resource', ms: number) => `
terraform {
  required_providers {
    null = { source = "hashicorp/null" }
  }
}
resource "terraform_data" "first" {}
${phase} "null_wait" "slow" {
  ms = ${ms}
  ${phase === 'resource' ? 'depends_on = [terraform_data.first]' : ''}
}
`

describe('a worker that is killed with kill -9', () => {
  let stack: Stack
  let organization: string
  beforeEach(async function () {
    this.timeout(60_000)
    stack = await startStack({ runners: 2, jobs: 1, env: { TOFUTF_RUNNER_CONCURRENCY: '1' } })
    organization = await stack.makeOrganization()
  })
  afterEach(async function () {
    this.timeout(60_000)
    await stack.stop()
  })

  it('during a plan: another worker plans again, the log goes on, and the run comes to its confirmation', async function () {
    this.timeout(90_000)
    const { id } = await stack.makeWorkspace(organization)
    await uploadConfiguration(stack.api, id, { 'main.tf': slow('data', 6000) })
    const run = await startRun(stack.api, id)
    await stack.waitForRun(run, 'planning')
    await sleep(1500)

    await killHolder(stack, run, 'plan')
    const planned = await stack.waitForRun(run, 'planned')

    expect(planned.attributes['has-changes']).to.equal(true)
  })

  it('QUEUE-06 during an apply: it is never applied again, the run ends errored with a reason, and no engine is left', async function () {
    this.timeout(90_000)
    const { id } = await stack.makeWorkspace(organization)
    await uploadConfiguration(stack.api, id, { 'main.tf': slow('resource', 15_000) })
    const run = await startRun(stack.api, id, { 'auto-apply': true })
    await stack.waitForRun(run, 'applying')
    await sleep(3000)

    await killHolder(stack, run, 'apply')
    const ended = await stack.waitForRun(run, 'errored')
    const next = await startRun(stack.api, id)
    await stack.waitForRun(next, 'planned')

    expect(ended.attributes['error-reason']).to.match(/worker was lost during the apply/)
    const state = (await stack.api.get(`/workspaces/${id}/current-state-version`)).json.data
    expect(state.attributes.serial).to.be.greaterThan(0)
    expect(processesBelow(stack.workDir)).to.deep.equal([])
  })
})
