import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { clients } from '../support/clients.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { killBelow, processesBelow } from '../support/processes.ts'
import { logOf } from '../support/stack.ts'
import { type AgentStack, sleeping, startAgentStack, until, untilProvisioning } from './agent-process.ts'

describe('an agent that is interrupted', function () {
  this.timeout(120_000)
  let stack: AgentStack
  before(async () => {
    stack = await startAgentStack()
  })
  after(() => stack.stop())

  it('is listed as busy while it executes and as exited after SIGTERM, which waits for the apply', async () => {
    await stack.stopAgents()
    const agent = await stack.startAgent({
      TOFUTF_RUNNER_NAME: 'porter',
      TOFUTF_AGENT_LABELS: 'zone=eu',
      TOFUTF_DRAIN_GRACE: '60',
    })
    const workspace = await stack.makeAgentWorkspace({ 'auto-apply': true })
    await uploadConfiguration(stack.api, workspace, sleeping(3))
    const runId = await startRun(stack.api, workspace)
    const find = async () =>
      (await stack.api.get(`/agent-pools/${stack.pool.id}/agents`)).json.data.find(
        (a: { attributes: { name: string } }) => a.attributes.name === 'porter',
      )
    await stack.waitForRun(runId, 'applying')

    const busy = await find()
    agent.kill('SIGTERM')
    await stack.waitForRun(runId, 'applied')
    await agent.ended
    const exited = await find()

    expect(busy.attributes).to.deep.include({ status: 'busy', labels: { zone: 'eu' } })
    expect(exited.attributes.status).to.equal('exited')
  })

  it('when its grace is over, SIGTERM interrupts an apply: its state is kept and the run ends canceled', async () => {
    await stack.stopAgents()
    const agent = await stack.startAgent({ TOFUTF_DRAIN_GRACE: '0' })
    const workspace = await stack.makeAgentWorkspace({ 'auto-apply': true })
    await uploadConfiguration(stack.api, workspace, sleeping(60))
    const runId = await startRun(stack.api, workspace)
    await untilProvisioning(stack, await stack.waitForRun(runId, 'applying'))

    agent.kill('SIGTERM')
    await stack.waitForRun(runId, 'canceled')
    await agent.ended

    expect(await stack.resourcesOf(workspace)).to.include('first')
  })

  it('a plan that it gives back on SIGTERM is done by another agent', async () => {
    await stack.stopAgents()
    const { terraform } = await clients()
    const folder = await mkdtemp(join(tmpdir(), 'tofutf-slow-'))
    const slow = `#!/bin/sh
      if [ "$1" != plan ]; then exec ${terraform} "$@"; fi
      trap 'exit 1' INT
      sleep 60 & wait`
    await writeFile(join(folder, 'terraform'), slow, { mode: 0o755 })
    const first = await stack.startAgent({ PATH: `${folder}:${process.env.PATH}`, TOFUTF_DRAIN_GRACE: '0' })
    const workspace = await stack.makeAgentWorkspace()
    await uploadConfiguration(stack.api, workspace, { 'main.tf': 'resource "terraform_data" "it" {}' })
    const runId = await startRun(stack.api, workspace)
    await until('the slow plan runs', async () => processesBelow(first.folder).length > 0)
    await stack.startAgent()

    first.kill('SIGTERM')
    await first.ended
    await stack.waitForRun(runId, 'planned')

    await rm(folder, { recursive: true })
  })

  it('a cancel reaches its engine, which keeps its state', async () => {
    await stack.stopAgents()
    await stack.startAgent()
    const workspace = await stack.makeAgentWorkspace({ 'auto-apply': true })
    await uploadConfiguration(stack.api, workspace, sleeping(60))
    const runId = await startRun(stack.api, workspace)
    await untilProvisioning(stack, await stack.waitForRun(runId, 'applying'))

    await stack.api.post(`/runs/${runId}/actions/cancel`, {})
    await stack.waitForRun(runId, 'canceled')

    expect(await stack.resourcesOf(workspace)).to.include('first')
  })

  it('a wire that breaks all the time costs neither log nor state', async () => {
    await stack.stopAgents()
    const wire = await stack.openWire(Number(new URL(stack.url).port))
    await stack.startAgent({ TOFUTF_URL: `http://127.0.0.1:${wire.port}`, TOFUTF_LOG_LEVEL: 'error' })
    const workspace = await stack.makeAgentWorkspace({ 'auto-apply': true, 'structured-run-output-enabled': false })
    await uploadConfiguration(stack.api, workspace, {
      'main.tf': `
        resource "terraform_data" "it" {
          provisioner "local-exec" { command = "for i in $(seq 1 600); do echo line-$i; sleep 0.01; done" }
        }`,
    })
    const runId = await startRun(stack.api, workspace)
    await stack.waitForRun(runId, 'planning', 'applying', 'applied')

    const breaking = setInterval(() => {
      wire.cut()
      setTimeout(() => wire.mend(), 150)
    }, 400)
    const run = await stack.waitForRun(runId, 'applied').finally(() => clearInterval(breaking))
    wire.mend()

    const lines = (await logOf(stack.api, run)).match(/line-\d+(?=\r?\n)/g)
    expect(lines).to.deep.equal(Array.from({ length: 600 }, (_, i) => `line-${i + 1}`))
    expect(await stack.resourcesOf(workspace)).to.include('it')
  })

  it('killed with its engine in an apply: the run errs with a reason, is not repeated, and keeps its state (QUEUE-06)', async () => {
    await stack.stopAgents()
    const agent = await stack.startAgent()
    const workspace = await stack.makeAgentWorkspace({ 'auto-apply': true })
    await uploadConfiguration(stack.api, workspace, sleeping(60))
    const runId = await startRun(stack.api, workspace)
    await untilProvisioning(stack, await stack.waitForRun(runId, 'applying'))
    await until('an intermediate state', async () => (await stack.resourcesOf(workspace))?.includes('first'))

    agent.kill('SIGKILL')
    killBelow(agent.folder)
    await stack.startAgent()
    const run = await stack.waitForRun(runId, 'errored')

    const applies = (await logOf(stack.api, run)).match(/first: Creating/g)
    expect(run.attributes['error-reason']).to.match(/worker was lost during the apply/)
    expect(applies).to.have.length(1)
    expect(await stack.resourcesOf(workspace)).to.include('first')
  })
})
