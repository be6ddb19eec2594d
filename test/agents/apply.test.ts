import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { execaSync } from 'execa'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document } from '../support/server.ts'
import { logOf } from '../support/stack.ts'
import { type AgentProcess, type AgentStack, sleeping, startAgentStack, until } from './agent-process.ts'

describe('a remote agent', function () {
  this.timeout(120_000)
  let stack: AgentStack
  let agent: AgentProcess
  before(async () => {
    stack = await startAgentStack()
  })
  after(() => stack.stop())

  const setVariable = (workspaceId: string, attributes: Record<string, unknown>) =>
    stack.api.post(`/workspaces/${workspaceId}/vars`, document(attributes))

  it('a speculative plan of a pool without agents waits in the queue until an agent registers (QUEUE-24)', async () => {
    const workspace = await stack.makeAgentWorkspace()
    const files = { 'main.tf': 'output "here" { value = 1 }' }
    const configuration = await uploadConfiguration(stack.api, workspace, files, { speculative: true })
    const runId = await startRun(stack.api, workspace, {}, configuration)

    const queued = await stack.waitForRun(runId, 'plan_queued')
    const queue = await stack.api.get(`/organizations/${stack.organization}/runs/queue`)
    agent = await stack.startAgent()
    const done = await stack.waitForRun(runId, 'planned_and_finished')

    expect(queued.attributes.status).to.equal('plan_queued')
    expect(queue.json.data.map((run: { id: string }) => run.id)).to.include(runId)
    expect(done.attributes['has-changes']).to.equal(true)
  })

  it('an apply gets the real values of variables; a GET of a sensitive one shows null (CORE-18)', async () => {
    const workspace = await stack.makeAgentWorkspace({ 'auto-apply': true })
    const value = `se"cr\${et}`
    const secret = await setVariable(workspace, {
      key: 'secret',
      value,
      category: 'terraform',
      sensitive: true,
    })
    await setVariable(workspace, { key: 'GREETING', value: 'hello there', category: 'env' })
    await uploadConfiguration(stack.api, workspace, {
      'main.tf': `
        variable "secret" { type = string }
        resource "terraform_data" "it" {
          input = nonsensitive(sha256(var.secret))
          provisioner "local-exec" { command = "echo GREETING is $GREETING" }
        }
        output "sum" { value = terraform_data.it.output }`,
    })

    const run = await stack.waitForRun(await startRun(stack.api, workspace), 'applied')

    const outputs = await stack.api.get(`/workspaces/${workspace}/current-state-version-outputs`)
    expect(outputs.json.data[0].attributes.value).to.equal(createHash('sha256').update(value).digest('hex'))
    expect(await logOf(stack.api, run)).to.include('GREETING is hello there')
    const read = await stack.api.get(`/workspaces/${workspace}/vars`)
    const shown = read.json.data.find((v: { id: string }) => v.id === secret.json.data.id)
    expect(shown.attributes.value).to.equal(null)
  })

  it('its engine was never on the server: only the agent has the folder of the run, and cleans it', async () => {
    expect(await readdir(`${agent.folder}/work`)).to.satisfy((names: string[]) =>
      names.every((n) => n.includes('spool')),
    )
    expect(await readdir(stack.workDir).catch(() => [])).to.be.empty
  })

  it('runs several phases at once', async () => {
    await stack.stopAgents()
    await stack.startAgent({ TOFUTF_RUNNER_CONCURRENCY: '3' })
    const ids = await Promise.all(
      [1, 2, 3].map(async () => {
        const id = await stack.makeAgentWorkspace({ 'auto-apply': true })
        await uploadConfiguration(stack.api, id, sleeping(6))
        return startRun(stack.api, id)
      }),
    )

    const together = await until('all three apply at the same time', async () => {
      const runs = await Promise.all(ids.map((id) => stack.api.get(`/runs/${id}`)))
      return runs.every(({ json }) => json.data.attributes.status === 'applying')
    })

    expect(together).to.equal(true)
    for (const id of ids) await stack.waitForRun(id, 'applied')
  })

  it('needs nothing but the https port of the server', async function () {
    const isolated = execaSync('unshare', ['-n', 'sh', '-c', 'ip link set lo up'], { reject: false })
    if (isolated.exitCode !== 0) {
      console.log(`    no network namespace can be made here: ${isolated.stderr || isolated.message}`)
      this.skip()
    }
    await stack.stopAgents()
    const { port } = new URL(stack.server.url)
    const folder = await mkdtemp(join(tmpdir(), 'tofutf-wire-'))
    const socket = join(folder, 'wire')
    await stack.openWire(Number(port), socket)
    await stack.startAgent({}, { socket, port })
    const workspace = await stack.makeAgentWorkspace({ 'auto-apply': true })
    await uploadConfiguration(stack.api, workspace, {
      'main.tf': `
        resource "terraform_data" "it" {
          provisioner "local-exec" { command = "cat /proc/net/dev" }
        }`,
    })

    const run = await stack.waitForRun(await startRun(stack.api, workspace), 'applied')

    const interfaces = [...(await logOf(stack.api, run)).matchAll(/(\w+): +\d+ +\d+ +\d+/g)].map(([, name]) => name)
    expect(new Set(interfaces)).to.deep.equal(new Set(['lo']))
    await rm(folder, { recursive: true })
  })
})
