import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { logOf } from '../../support/stack.ts'
import { appliedOne, type Cell, oneResource, type Scenario } from '../scenario.ts'

const noVariables = { remote: 'the remote backend refuses -var and -var-file' }
const noSavedPlan = { remote: 'the remote backend refuses -out' }

const twoResources = `${oneResource}
resource "terraform_data" "b" {
  input = "b"
}
`
const runUrl = ({ stack, organization, name }: Cell, id: string) =>
  `${stack.server.url}/app/${organization}/${name}/runs/${id}`

const occurrences = (text: string, part: string) => text.split(part).length - 1

export const planScenarios: Scenario[] = [
  {
    command: 'plan',
    fact: 'streams the plan, prints the address of the run, and leaves a finished run',
    async run(cell) {
      const plan = await cell.cli.ok('plan')

      const run = await cell.newestRun()
      expect(plan.stdout).to.contain(runUrl(cell, run.id))
      expect(plan.stdout).to.contain('# terraform_data.a will be created')
      expect(plan.stdout).to.contain('Plan: 1 to add, 0 to change, 0 to destroy.')
      expect(run.attributes).to.include({ status: 'planned_and_finished', 'has-changes': true, 'plan-only': true })
    },
  },
  {
    command: 'plan, nothing to change',
    fact: 'says so',
    state: appliedOne,
    async run(cell) {
      const plan = await cell.cli.ok('plan')

      const run = await cell.newestRun()
      expect(plan.stdout).to.contain('No changes.')
      expect(run.attributes).to.include({ status: 'planned_and_finished', 'has-changes': false })
    },
  },
  {
    command: 'plan -detailed-exitcode',
    fact: 'ends with 2 when there are changes and with 0 when there are none',
    state: appliedOne,
    async run(cell) {
      const same = await cell.cli.run('plan -detailed-exitcode')
      await cell.configure(oneResource.replace('"x"', '"y"'))
      const other = await cell.cli.run('plan -detailed-exitcode')

      expect([same.exitCode, other.exitCode]).to.deep.equal([0, 2])
    },
  },
  {
    command: 'plan -out, show, apply FILE',
    fact: 'keeps the plan; show prints it as text and JSON; apply needs no answer',
    absent: noSavedPlan,
    async run({ cli, newestRun }) {
      const plan = await cli.ok('plan -out=saved.tfplan')
      const text = await cli.ok('show saved.tfplan')
      const json = await cli.ok('show -json saved.tfplan')
      const apply = await cli.ok('apply saved.tfplan')

      expect(plan.stdout).to.contain('saved.tfplan')
      expect(text.stdout).to.contain('# terraform_data.a will be created')
      expect(JSON.parse(json.stdout).resource_changes[0]).to.include({ address: 'terraform_data.a' })
      expect(apply.stdout).to.contain('Apply complete! Resources: 1 added')
      expect((await newestRun()).attributes.status).to.equal('applied')
    },
  },
  {
    command: 'plan -target',
    fact: 'plans the named resource only',
    config: twoResources,
    async run({ cli, newestRun }) {
      const plan = await cli.ok('plan -target=terraform_data.b')

      expect(plan.stdout).to.contain('# terraform_data.b will be created')
      expect(plan.stdout).to.contain('Plan: 1 to add')
      expect((await newestRun()).attributes['target-addrs']).to.deep.equal(['terraform_data.b'])
    },
  },
  {
    command: 'plan -replace',
    fact: 'replaces what would stay',
    state: appliedOne,
    async run({ cli }) {
      const plan = await cli.ok('plan -replace=terraform_data.a')

      expect(plan.stdout).to.contain('terraform_data.a will be replaced, as requested')
      expect(plan.stdout).to.contain('Plan: 1 to add, 0 to change, 1 to destroy.')
    },
  },
  {
    command: 'plan -refresh-only',
    fact: 'proposes no action',
    state: appliedOne,
    async run({ cli, newestRun }) {
      const plan = await cli.ok('plan -refresh-only')

      expect(plan.stdout).to.contain('No changes.')
      expect((await newestRun()).attributes['refresh-only']).to.equal(true)
    },
  },
  {
    command: 'plan -refresh=false',
    fact: 'does not read the resources',
    state: appliedOne,
    async run({ cli, newestRun }) {
      const plan = await cli.ok('plan -refresh=false')

      expect(plan.stdout).to.contain('No changes.')
      expect(plan.stdout).not.to.contain('Refreshing state...')
      expect((await newestRun()).attributes.refresh).to.equal(false)
    },
  },
  {
    command: 'plan -destroy',
    fact: 'proposes to destroy everything',
    state: appliedOne,
    async run({ cli, newestRun }) {
      const plan = await cli.ok('plan -destroy')

      expect(plan.stdout).to.contain('Plan: 0 to add, 0 to change, 1 to destroy.')
      expect((await newestRun()).attributes).to.include({ 'is-destroy': true, status: 'planned_and_finished' })
    },
  },
  {
    command: 'plan -var',
    fact: 'brings the value to the run, quotes and templates unharmed',
    absent: noVariables,
    async run({ cli }) {
      const plan = await cli.ok(['plan', '-var', `input=say "hi" \${x}`])

      expect(plan.stdout).to.contain(`say \\"hi\\" \${x}`)
    },
  },
  {
    command: 'plan -var-file',
    fact: 'brings the values to the run',
    absent: noVariables,
    async run({ cli }) {
      await cli.write({ 'values/prod.tfvars': 'input = "from the file"\n' })

      const plan = await cli.ok('plan -var-file=values/prod.tfvars')

      expect(plan.stdout).to.contain('from the file')
    },
  },
  {
    command: 'plan, terraform.tfvars',
    fact: 'uses the values in the uploaded file',
    async run({ cli }) {
      await cli.write({ 'terraform.tfvars': 'input = "from tfvars"\n' })

      const plan = await cli.ok('plan')

      expect(plan.stdout).to.contain('from tfvars')
    },
  },
  {
    command: 'plan -generate-config-out',
    fact: 'writes the configuration of the imported resource',
    absent: { remote: 'the remote backend refuses -generate-config-out' },
    config: 'import {\n  to = terraform_data.found\n  id = "an-id"\n}\n',
    async run({ cli }) {
      const plan = await cli.ok('plan -generate-config-out=generated.tf')

      expect(plan.stdout).to.contain('1 to import')
      expect(await readFile(join(cli.folder, 'generated.tf'), 'utf8')).to.contain('resource "terraform_data" "found"')
    },
  },
  {
    command: 'plan, failing',
    fact: 'prints the error once, ends with 1, and the run is errored',
    config: `
resource "terraform_data" "a" {
  lifecycle {
    precondition {
      condition     = terraform.workspace == "never"
      error_message = "This must not be planned."
    }
  }
}
`,
    async run({ cli, newestRun }) {
      const plan = await cli.run('plan')

      expect(plan.exitCode).to.equal(1)
      expect(occurrences(plan.output, 'This must not be planned.')).to.equal(1)
      expect((await newestRun()).attributes.status).to.equal('errored')
    },
  },
  {
    command: 'plan, structured run output',
    fact: 'prints the changes once; the log is JSON for the cloud block and text for the remote backend',
    workspace: { 'structured-run-output-enabled': true },
    async run({ api, backend, cli, newestRun }) {
      const plan = await cli.ok('plan')

      const log = await logOf(api, await newestRun())
      expect(occurrences(plan.stdout, '# terraform_data.a will be created')).to.equal(1)
      expect(log.includes('"@level":"info"')).to.equal(backend === 'cloud')
    },
  },
  {
    command: 'plan, plain run output',
    fact: 'prints the changes once, and the log is text',
    workspace: { 'structured-run-output-enabled': false },
    async run({ api, cli, newestRun }) {
      const plan = await cli.ok('plan')

      const log = await logOf(api, await newestRun())
      expect(occurrences(plan.stdout, '# terraform_data.a will be created')).to.equal(1)
      expect(log).to.contain('will be created').and.not.contain('"@level"')
    },
  },
  {
    command: 'plan -json',
    fact: 'names its version as JSON; the rest is as without -json, in both clients',
    absent: { remote: 'the remote backend prints text only' },
    async run({ cli }) {
      const plan = await cli.ok('plan -json')

      expect(JSON.parse(plan.stdout.split('\n')[0]!)).to.include({ type: 'version' })
      expect(plan.stdout).to.contain('Plan: 1 to add')
    },
  },
]
