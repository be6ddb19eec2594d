import { expect } from 'chai'
import { sleeping, untilProvisioning } from '../agents/agent-process.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { resourcesOf } from '../support/states.ts'

const slowPlan = {
  'main.tf': `
    terraform {
      required_providers {
        null = { source = "hashicorp/null" }
      }
    }
    data "null_wait" "slow" { ms = 8000 }
    resource "terraform_data" "it" {}`,
}

describe('a worker that gets SIGTERM', function () {
  this.timeout(120_000)
  let stack: Stack
  let workspace: string
  beforeEach(async () => {
    stack = await startStack({ runners: 1, jobs: 1, env: { TOFUTF_DRAIN_GRACE: '1' } })
    workspace = (await stack.makeWorkspace(await stack.makeOrganization())).id
  })
  afterEach(() => stack.stop())

  it('cancels an apply when its grace is over: what was made is in the state', async () => {
    await uploadConfiguration(stack.api, workspace, sleeping(60))
    const run = await startRun(stack.api, workspace, { 'auto-apply': true })
    await untilProvisioning(stack, await stack.waitForRun(run, 'applying'))

    stack.workers[0]!.kill('SIGTERM')
    await stack.workers[0]!.ended
    await stack.waitForRun(run, 'canceled')

    expect(await resourcesOf(stack.api, workspace)).to.include('terraform_data.first')
  })

  it('gives a plan to another worker', async () => {
    await uploadConfiguration(stack.api, workspace, slowPlan)
    const run = await startRun(stack.api, workspace)
    await stack.waitForRun(run, 'planning')
    const [first] = stack.workers

    first!.kill('SIGTERM')
    await first!.ended
    stack.workers[0] = first!.again()
    await stack.waitForRun(run, 'planned')
  })

  it('QUEUE-15 cancel: the engine ends what it is doing, and its state is stored before the run is canceled', async () => {
    await uploadConfiguration(stack.api, workspace, sleeping(60))
    const run = await startRun(stack.api, workspace, { 'auto-apply': true })
    await untilProvisioning(stack, await stack.waitForRun(run, 'applying'))

    const answer = await stack.api.post(`/runs/${run}/actions/cancel`, {})
    await stack.waitForRun(run, 'canceled')

    expect(answer.status).to.equal(202)
    expect(await resourcesOf(stack.api, workspace)).to.include('terraform_data.first')
  })
})
