import { existsSync, readdirSync } from 'node:fs'
import { expect } from 'chai'
import { sleeping, startAgentStack, until } from '../agents/agent-process.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { logOf, type Stack, startStack } from '../support/stack.ts'
import { currentState, resourcesOf } from '../support/states.ts'
import { killHolder } from './kill-holder.ts'

const provisioning = (stack: Stack, run: unknown) =>
  until('the provisioner runs', async () => (await logOf(stack.api, run)).includes('local-exec'))

const folders = (workDir: string) =>
  existsSync(workDir) ? readdirSync(workDir).filter((n) => n.startsWith('run-')) : []

describe('the state that a killed worker could not report', function () {
  this.timeout(120_000)

  it('of a runner is found on its disk, stored as the newest state, and its folder removed', async () => {
    const stack = await startStack({ runners: 2, jobs: 1, env: { TOFUTF_RUNNER_CONCURRENCY: '1' } })
    try {
      const { id } = await stack.makeWorkspace(await stack.makeOrganization())
      await uploadConfiguration(stack.api, id, sleeping(60))
      const run = await startRun(stack.api, id, { 'auto-apply': true })
      await provisioning(stack, await stack.waitForRun(run, 'applying'))

      await killHolder(stack, run, 'apply')
      await stack.waitForRun(run, 'errored')
      const resources = await until('the whole state', async () => {
        const found = await resourcesOf(stack.api, id)
        return found.includes('terraform_data.long') && found
      })
      await until('the folder goes', async () => folders(stack.workDir).length === 0)
      const { attributes } = (await stack.api.get(`/workspaces/${id}`)).json.data

      expect(resources).to.deep.equal(['terraform_data.first', 'terraform_data.long'])
      expect(attributes['state-may-differ']['run-id']).to.equal(run)
    } finally {
      await stack.stop()
    }
  })

  it('of an agent is brought by the next agent on that disk', async () => {
    const stack = await startAgentStack()
    try {
      const first = await stack.startAgent()
      const id = await stack.makeAgentWorkspace({ 'auto-apply': true })
      await uploadConfiguration(stack.api, id, sleeping(60))
      const run = await startRun(stack.api, id)
      await provisioning(stack, await stack.waitForRun(run, 'applying'))

      first.kill('SIGKILL')
      await first.ended
      await stack.waitForRun(run, 'errored')
      await stack.startAgent({ TOFUTF_DATA_DIR: first.folder })
      await until('the whole state', async () => (await resourcesOf(stack.api, id)).includes('terraform_data.long'))
      await until('the folder goes', async () => folders(`${first.folder}/work`).length === 0)

      expect((await currentState(stack.api, id))!.resources).to.have.length(2)
    } finally {
      await stack.stop()
    }
  })
})
