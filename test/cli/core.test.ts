import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { backendBlock, hostnameOf } from '../support/cli-config.ts'
import { clients } from '../support/clients.ts'
import { startRun } from '../support/configurations.ts'
import { expectStatus, type Stack, startStack } from '../support/stack.ts'
import { currentState, resourcesOf } from '../support/states.ts'
import { type LookAhead, lookAhead } from './pool.ts'
import { type Cell, oneResource, runCell, type Scenario } from './scenario.ts'
import { secondFails } from './scenarios/apply.ts'
import { slowPlan } from './scenarios/interrupt.ts'

const count = 200
const many = `resource "terraform_data" "a" {\n  count = ${count}\n}\n`
const mapOutput = 'output "people" {\n  value = { "user@host" = "here" }\n}\n'
const question = 'Enter a value:'

const workspaceOf = async ({ api, workspace }: Cell) =>
  expectStatus(await api.get(`/workspaces/${workspace.id}`), 200).json.data

/** Proved with terraform through the cloud block; the matrix has the same commands in every column. */
const cases: Scenario[] = [
  {
    command: 'CORE-12',
    fact: 'a failing apply exits 1 and its partial state is the current one',
    config: secondFails,
    state: { serial: 3 },
    async run(cell) {
      const apply = await cell.cli.run('apply -auto-approve')

      const run = await cell.newestRun()
      const phase = await cell.api.get(`/applies/${run.relationships.apply.data.id}`)
      const state = await currentState(cell.api, cell.workspace.id)
      expect(apply.exitCode).to.equal(1)
      expect(apply.stdout).to.contain('Plan: 2 to add')
      expect(apply.output).to.contain('exit status 3')
      expect([run.attributes.status, phase.json.data.attributes.status]).to.deep.equal(['errored', 'errored'])
      expect(state?.resources.map(({ name }) => name)).to.include('a')
      expect(state?.serial).to.be.greaterThan(3)
    },
  },
  {
    command: 'CORE-25',
    fact: '20 MB of files that do not compress are uploaded and planned',
    async run({ cli }) {
      await writeFile(join(cli.folder, 'large.bin'), randomBytes(20 * 1024 * 1024))

      const plan = await cli.ok('plan')

      expect(plan.stdout).to.contain('Plan: 1 to add')
    },
  },
  {
    command: 'CORE-26',
    fact: 'the output of 200 resources is whole: each is complete once',
    config: many,
    async run({ cli }) {
      const apply = await cli.ok('apply -auto-approve')

      const completed = apply.stdout.match(/^terraform_data\.a\[\d+\]: Creation complete/gm) ?? []
      expect(completed).to.have.length(count)
      expect(new Set(completed)).to.have.property('size', count)
    },
  },
  {
    command: 'CORE-29',
    fact: 'with a working directory the root is uploaded and the run executes in the folder',
    workspace: { 'working-directory': 'env/prod' },
    init: false,
    async run({ backend, cli, name, organization, stack }) {
      const settings = { backend, organization, hostname: hostnameOf(stack.server), workspace: { name } }
      await cli.write({
        'main.tf': '',
        'backend.tf': '',
        'env/prod/main.tf': `${backendBlock(settings)}\nmodule "one" {\n  source = "../../modules/one"\n}\n`,
        'modules/one/main.tf': oneResource,
      })
      await cli.ok('init -input=false', { cwd: 'env/prod' })

      const plan = await cli.ok('plan', { cwd: 'env/prod' })

      expect(plan.stdout).to.contain('# module.one.terraform_data.a will be created')
      expect(plan.stdout).to.contain('Plan: 1 to add')
    },
  },
  {
    command: 'CORE-30',
    fact: 'a saved plan is shown as JSON and applied without a question',
    async run({ cli, newestRun }) {
      await cli.ok('plan -out=F')
      const show = await cli.ok('show -json F')
      const apply = await cli.ok('apply F')

      expect(JSON.parse(show.stdout).resource_changes).to.have.length(1)
      expect(apply.stdout).not.to.contain(question)
      expect((await newestRun()).attributes.status).to.equal('applied')
    },
  },
  {
    command: 'CORE-31',
    fact: 'a run whose client vanished goes on to planned, keeps the lock, can be discarded, and the next one starts',
    config: slowPlan,
    async run(cell) {
      const { api, cli, newestRun, stack, workspace } = cell
      const apply = await cli.run('apply', {
        steps: [
          { when: /null_wait.slow: (Reading|Refreshing)/, press: 'interrupt' },
          { when: question, press: 'interrupt' },
        ],
      })
      const { id } = await newestRun()
      const next = await startRun(api, workspace.id)

      await stack.waitForRun(id, 'planned')
      const isHeld = (await workspaceOf(cell)).attributes.locked
      const waits = (await api.get(`/runs/${next}`)).json.data.attributes.status
      expectStatus(await api.post(`/runs/${id}/actions/discard`, {}), 202)
      await stack.waitForRun(next, 'planned')

      expect([apply.exitCode, isHeld, waits]).to.deep.equal([1, true, 'pending'])
    },
  },
  {
    command: 'CORE-34',
    fact: 'a saved plan that another run has overtaken is discarded, and the CLI says so',
    async run(cell) {
      const { api, cli, newestRun, workspace } = cell
      await cli.ok('plan -out=F')
      const saved = await newestRun()
      await cli.ok(['apply', '-auto-approve', '-var', 'input=other'])
      const before = await currentState(api, workspace.id)

      const apply = await cli.run('apply F')

      const after = await api.get(`/runs/${saved.id}`)
      expect(after.json.data.attributes.status).to.equal('discarded')
      expect(apply.exitCode).to.equal(1)
      expect(apply.output).to.match(/discarded/)
      expect((await currentState(api, workspace.id))?.serial).to.equal(before?.serial)
    },
  },
  {
    command: 'CORE-39',
    fact: 'a map output with the key user@host is read unchanged everywhere',
    config: mapOutput,
    async run({ api, cli, workspace }) {
      await cli.ok('apply -auto-approve')
      const json = JSON.parse((await cli.ok('output -json')).stdout)
      const path = `/workspaces/${workspace.id}`
      expectStatus(await api.get(`${path}/current-state-version`), 200)
      const outputs = expectStatus(await api.get(`${path}/current-state-version-outputs`), 200).json.data

      expect(json.people.value).to.deep.equal({ 'user@host': 'here' })
      expect(outputs[0].attributes.value).to.deep.equal({ 'user@host': 'here' })
    },
  },
  {
    command: 'CORE-41',
    fact: 'with local execution the client locks, writes and unlocks; no run is made',
    workspace: { 'execution-mode': 'local' },
    async run(cell) {
      await cell.cli.ok('apply -auto-approve')

      const path = `/workspaces/${cell.workspace.id}/current-state-version`
      const version = expectStatus(await cell.api.get(path), 200).json.data
      expect(version.attributes.status).to.equal('finalized')
      expect(await resourcesOf(cell.api, cell.workspace.id)).to.deep.equal(['terraform_data.a'])
      expect((await workspaceOf(cell)).attributes.locked).to.equal(false)
      expect(await cell.runs()).to.deep.equal([])
    },
  },
  {
    command: 'QUEUE-30',
    fact: "an apply behind a person's lock is pending and the CLI says so; the lock stays the person's",
    async run(cell) {
      const { api, cli, newestRun, workspace } = cell
      expectStatus(await api.post(`/workspaces/${workspace.id}/actions/lock`, { reason: 'mine' }), 200)
      const lockedBy = async () => (await workspaceOf(cell)).relationships['locked-by'].data
      const holder = await lockedBy()
      let meanwhile: { status: string; holder: unknown } | undefined

      await cli.run('apply', {
        steps: [
          {
            when: 'manually locked workspace',
            act: async () => {
              meanwhile = { status: (await newestRun()).attributes.status, holder: await lockedBy() }
            },
            press: 'interrupt',
          },
          { when: question, answer: 'yes' },
        ],
      })

      expect(holder.type).to.equal('users')
      expect(meanwhile).to.deep.equal({ status: 'pending', holder })
      expect((await newestRun()).attributes.status).to.equal('canceled')
      expect(await lockedBy()).to.deep.equal(holder)
    },
  },
]

describe('the product with the real client', function () {
  this.timeout(120_000)
  let stack: Stack
  let results: LookAhead<void>
  before('built', async function () {
    this.timeout(20 * 60_000)
    await clients()
    stack = await startStack()
    const organization = await stack.makeOrganization()
    const column = { engine: 'terraform', backend: 'cloud' } as const
    results = lookAhead(
      cases.map((scenario) => () => runCell(stack, organization, scenario, column)),
      3,
    )
  })
  after(async () => {
    await results?.settle()
    await stack?.stop()
  })

  for (const [index, { command, fact }] of cases.entries()) {
    it(`${command} ${fact}`, () => results.get(index))
  }
})
