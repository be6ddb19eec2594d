import { expect } from 'chai'
import { backendBlock, hostnameOf } from '../../support/cli-config.ts'
import { expectStatus } from '../../support/stack.ts'
import { resourcesOf } from '../../support/states.ts'
import { appliedOne, type Cell, oneResource, type Scenario } from '../scenario.ts'

const prompt = 'Enter a value:'

/** Somebody else does this to the newest run while the prompt waits. */
const elsewhere =
  ({ api, newestRun }: Cell, action: 'apply' | 'discard') =>
  async () => {
    const { id } = await newestRun()
    expectStatus(await api.post(`/runs/${id}/actions/${action}`, {}), 202)
  }

export const secondFails = `
resource "terraform_data" "a" {
  input = "a"
}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
  provisioner "local-exec" {
    command = "echo this one breaks; exit 3"
  }
}
`

const usesModule = `
module "one" {
  source = "../../modules/one"
}
output "here" {
  value = abspath(path.root)
}
`

const thirdParty = `
terraform {
  required_providers {
    null = { source = "hashicorp/null" }
    time = { source = "hashicorp/time" }
  }
}
resource "null_resource" "a" {
  triggers = { it = "first" }
}
resource "time_static" "b" {
  rfc3339 = "2026-02-03T04:05:06Z"
}
output "year" {
  value = time_static.b.year
}
`

export const applyScenarios: Scenario[] = [
  {
    command: 'apply, answer yes',
    fact: 'applies after the answer and prints the outputs',
    async run(cell) {
      const apply = await cell.cli.ok('apply', { steps: [{ when: prompt, answer: 'yes' }] })

      expect(apply.stdout).to.contain('Plan: 1 to add, 0 to change, 0 to destroy.')
      expect(apply.stdout).to.contain('Apply complete! Resources: 1 added, 0 changed, 0 destroyed.')
      expect(apply.stdout).to.match(/Outputs:\s+a = "x"/)
      expect((await cell.newestRun()).attributes.status).to.equal('applied')
      expect(await resourcesOf(cell.api, cell.workspace.id)).to.deep.equal(['terraform_data.a'])
    },
  },
  {
    command: 'apply, answer no',
    fact: 'discards the run, ends with 1 and frees the workspace',
    async run({ api, cli, newestRun, workspace }) {
      const apply = await cli.run('apply', { steps: [{ when: prompt, answer: 'no' }] })

      const after = await api.get(`/workspaces/${workspace.id}`)
      expect(apply.exitCode).to.equal(1)
      expect((await newestRun()).attributes.status).to.equal('discarded')
      expect(after.json.data.attributes.locked).to.equal(false)
    },
  },
  {
    command: 'apply, confirmed elsewhere',
    fact: 'goes on without an answer',
    async run(cell) {
      const apply = await cell.cli.ok('apply', { steps: [{ when: prompt, act: elsewhere(cell, 'apply') }] })

      expect(apply.stdout).to.contain('approved using the UI or API')
      expect(apply.stdout).to.contain('Apply complete! Resources: 1 added')
    },
  },
  {
    command: 'apply, discarded elsewhere',
    fact: 'ends with 1 and says so',
    async run(cell) {
      const apply = await cell.cli.run('apply', { steps: [{ when: prompt, act: elsewhere(cell, 'discard') }] })

      expect(apply.exitCode).to.equal(1)
      expect(apply.output).to.contain('discarded using the UI or API')
    },
  },
  {
    command: 'apply -auto-approve',
    fact: 'applies without a question',
    async run({ api, cli, newestRun, workspace }) {
      const apply = await cli.ok('apply -auto-approve')

      expect(apply.stdout).not.to.contain(prompt)
      expect(apply.stdout).to.contain('Apply complete! Resources: 1 added')
      expect((await newestRun()).attributes.status).to.equal('applied')
      expect(await resourcesOf(api, workspace.id)).to.deep.equal(['terraform_data.a'])
    },
  },
  {
    command: 'apply, nothing to change',
    fact: 'asks nothing and ends with 0',
    state: appliedOne,
    async run({ cli, newestRun }) {
      const apply = await cli.ok('apply')

      expect(apply.stdout).to.contain('No changes.')
      expect((await newestRun()).attributes.status).to.equal('planned_and_finished')
    },
  },
  {
    command: 'apply, workspace applies by itself',
    fact: 'asks nothing',
    workspace: { 'auto-apply': true },
    // the cloud block says auto-apply:false and asks; the workspace's setting is for runs that name none
    absent: { cloud: 'the cloud block always says itself whether to ask' },
    async run({ cli, newestRun }) {
      const apply = await cli.ok('apply')

      expect(apply.stdout).not.to.contain(prompt)
      expect((await newestRun()).attributes.status).to.equal('applied')
    },
  },
  {
    command: 'destroy',
    fact: 'destroys after the answer; nothing is left in the state',
    state: appliedOne,
    async run({ api, cli, workspace }) {
      const destroy = await cli.ok('destroy', { steps: [{ when: prompt, answer: 'yes' }] })

      expect(destroy.stdout).to.contain('Plan: 0 to add, 0 to change, 1 to destroy.')
      expect(destroy.stdout).to.contain('1 destroyed')
      expect(await resourcesOf(api, workspace.id)).to.deep.equal([])
    },
  },
  {
    command: 'apply, failing',
    fact: 'prints the error, ends with 1 and keeps what was made',
    config: secondFails,
    async run({ api, cli, newestRun, workspace }) {
      const apply = await cli.run('apply -auto-approve')

      expect(apply.exitCode).to.equal(1)
      expect(apply.output).to.contain('this one breaks')
      expect(apply.output).to.contain('exit status 3')
      expect((await newestRun()).attributes.status).to.equal('errored')
      expect(await resourcesOf(api, workspace.id)).to.include('terraform_data.a')
    },
  },
  {
    command: 'refresh',
    fact: 'brings changed outputs into the state',
    absent: { remote: 'the remote backend refuses refresh' },
    state: appliedOne,
    config: `${oneResource}\noutput "more" {\n  value = "new"\n}\n`,
    async run({ cli, newestRun }) {
      await cli.ok('refresh')
      const more = await cli.ok('output -raw more')

      expect(more.stdout).to.equal('new')
      expect((await newestRun()).attributes).to.include({ 'refresh-only': true, status: 'applied' })
    },
  },
  {
    command: 'apply, locked workspace',
    fact: 'waits, says why, and can be canceled; the lock stays',
    async run({ api, cli, newestRun, workspace }) {
      expectStatus(await api.post(`/workspaces/${workspace.id}/actions/lock`, { reason: 'mine' }), 200)

      await cli.run('apply', {
        steps: [
          { when: /manually locked workspace/, press: 'interrupt' },
          { when: prompt, answer: 'yes' },
        ],
      })

      const run = await newestRun()
      const after = (await api.get(`/workspaces/${workspace.id}`)).json.data
      expect(run.attributes.status).to.equal('canceled')
      expect(after.attributes.locked).to.equal(true)
      expect(after.relationships['locked-by'].data.type).to.equal('users')
    },
  },
  {
    command: 'apply -lock-timeout',
    fact: 'cancels the run after the time',
    async run({ api, cli, newestRun, workspace, stack }) {
      expectStatus(await api.post(`/workspaces/${workspace.id}/actions/lock`), 200)

      await cli.run('apply -auto-approve -lock-timeout=2s')

      await stack.waitForRun((await newestRun()).id, 'canceled')
    },
  },
  {
    command: 'apply, working directory',
    fact: 'uploads from the root and runs in the folder, modules beside it included',
    workspace: { 'working-directory': 'env/prod' },
    init: false,
    async run({ backend, cli, name, organization, stack }) {
      const settings = { backend, organization, hostname: hostnameOf(stack.server), workspace: { name } }
      await cli.write({
        'main.tf': '',
        'backend.tf': '',
        'env/prod/backend.tf': backendBlock(settings),
        'env/prod/main.tf': usesModule,
        'modules/one/main.tf': oneResource,
      })
      await cli.ok('init -input=false', { cwd: 'env/prod' })

      const apply = await cli.ok('apply -auto-approve', { cwd: 'env/prod' })

      expect(apply.stdout).to.contain('module.one.terraform_data.a')
      expect(apply.stdout).to.contain('Apply complete! Resources: 1 added')
      expect(apply.stdout).to.match(/here = "[^"]*\/env\/prod"/)
    },
  },
  {
    command: 'apply, third-party providers',
    fact: 'installs them from the mirror',
    config: thirdParty,
    async run({ cli }) {
      const apply = await cli.ok('apply -auto-approve')

      expect(apply.stdout).to.contain('Apply complete! Resources: 2 added')
      expect(apply.stdout).to.contain('year = 2026')
    },
  },
]
