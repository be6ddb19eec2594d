import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { expectStatus } from '../../support/stack.ts'
import { currentState, resourcesOf, type StateFile, stateFile } from '../../support/states.ts'
import { appliedOne, type Cell, oneResource, type Scenario } from '../scenario.ts'

const two: StateFile = { serial: 4, resources: { a: 'x', b: 'y' } }

const outputs: StateFile = {
  outputs: {
    greeting: { value: 'hello', type: 'string' },
    list: { value: [1, 2], type: ['list', 'number'] },
    secret: { value: 'hidden', type: 'string', sensitive: true },
  },
}

/** Writes a file to push: the current state with another serial. */
async function fileToPush(cell: Cell, serial: number, lineage?: string): Promise<string> {
  const current = await currentState(cell.api, cell.workspace.id)
  const file = stateFile({ serial, lineage: lineage ?? current!.lineage, resources: { pushed: 'z' } })
  await writeFile(join(cell.cli.folder, 'push.json'), file)
  return 'push.json'
}

const isLocked = async ({ api, workspace }: Cell) =>
  (await api.get(`/workspaces/${workspace.id}`)).json.data.attributes.locked

export const stateScenarios: Scenario[] = [
  {
    command: 'output -raw',
    fact: 'prints the bare value',
    state: outputs,
    async run({ cli }) {
      const greeting = await cli.ok('output -raw greeting')
      const secret = await cli.ok('output -raw secret')

      expect(greeting.stdout).to.equal('hello')
      expect(secret.stdout).to.equal('hidden')
    },
  },
  {
    command: 'output -json',
    fact: 'prints every value with its type, sensitive ones too',
    state: outputs,
    async run({ cli }) {
      const json = JSON.parse((await cli.ok('output -json')).stdout)

      expect(json.list).to.deep.include({ value: [1, 2], type: ['list', 'number'] })
      expect(json.secret).to.deep.include({ value: 'hidden', sensitive: true })
    },
  },
  {
    command: 'output, none',
    fact: 'warns, and is {} as JSON',
    async run({ cli }) {
      const text = await cli.ok('output')
      const json = await cli.ok('output -json')

      expect(text.output).to.contain('No outputs found')
      expect(json.stdout.trim()).to.equal('{}')
    },
  },
  {
    command: 'show',
    fact: 'prints the current state',
    state: appliedOne,
    async run({ cli }) {
      const show = await cli.ok('show')

      expect(show.stdout).to.contain('# terraform_data.a:').and.contain('id-a')
    },
  },
  {
    command: 'console',
    fact: 'evaluates against the state and frees the lock',
    state: appliedOne,
    async run(cell) {
      const console = await cell.cli.ok('console', { input: 'terraform_data.a.output\n' })

      expect(console.stdout.trim()).to.equal('"x"')
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'state list',
    fact: 'names the resources',
    state: two,
    async run({ cli }) {
      expect((await cli.ok('state list')).stdout).to.equal('terraform_data.a\nterraform_data.b\n')
    },
  },
  {
    command: 'state show',
    fact: 'prints one resource',
    state: two,
    async run({ cli }) {
      expect((await cli.ok('state show terraform_data.b')).stdout)
        .to.contain('id-b')
        .and.contain('"y"')
    },
  },
  {
    command: 'state mv',
    fact: 'writes a new state with the new address',
    state: two,
    async run(cell) {
      await cell.cli.ok('state mv terraform_data.b terraform_data.c')

      expect(await resourcesOf(cell.api, cell.workspace.id)).to.deep.equal(['terraform_data.a', 'terraform_data.c'])
      expect((await currentState(cell.api, cell.workspace.id))?.serial).to.equal(5)
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'state rm',
    fact: 'writes a new state without the resource',
    state: two,
    async run(cell) {
      await cell.cli.ok('state rm terraform_data.b')

      expect(await resourcesOf(cell.api, cell.workspace.id)).to.deep.equal(['terraform_data.a'])
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'state pull',
    fact: 'prints the state file',
    state: two,
    async run({ cli }) {
      expect(JSON.parse((await cli.ok('state pull')).stdout)).to.include({ serial: 4 })
    },
  },
  {
    command: 'state push',
    fact: 'stores a newer file, and refuses an older one',
    state: two,
    async run(cell) {
      await cell.cli.ok(['state', 'push', await fileToPush(cell, 9)])
      const older = await cell.cli.run(['state', 'push', await fileToPush(cell, 3)])

      expect(await resourcesOf(cell.api, cell.workspace.id)).to.deep.equal(['terraform_data.pushed'])
      expect(older.exitCode).to.equal(1)
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'state push -force',
    fact: 'stores an older file',
    state: two,
    async run(cell) {
      await cell.cli.ok(['state', 'push', '-force', await fileToPush(cell, 2)])

      expect(await resourcesOf(cell.api, cell.workspace.id)).to.deep.equal(['terraform_data.pushed'])
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'import',
    fact: 'puts the resource into the state, with the variables of the workspace',
    async run(cell) {
      const { api, cli, workspace } = cell
      const attributes = { key: 'input', value: 'from the workspace', category: 'terraform' }
      const variable = { data: { type: 'vars', attributes } }
      expectStatus(await api.post(`/workspaces/${workspace.id}/vars`, variable), 201)

      const done = await cli.ok('import terraform_data.a an-id')

      expect(done.stdout).to.contain('Import successful!')
      expect(await resourcesOf(api, workspace.id)).to.deep.equal(['terraform_data.a'])
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'taint, untaint',
    fact: 'marks the resource and takes the mark away',
    state: appliedOne,
    async run({ api, cli, workspace }) {
      await cli.ok('taint terraform_data.a')
      const tainted = await currentState(api, workspace.id)
      await cli.ok('untaint terraform_data.a')
      const after = await currentState(api, workspace.id)

      expect(tainted?.resources[0]?.instances[0].status).to.equal('tainted')
      expect(after?.resources[0]?.instances[0].status).to.equal(undefined)
    },
  },
  {
    command: 'force-unlock',
    fact: "takes a person's lock away",
    async run(cell) {
      const { api, cli, organization, workspace } = cell
      expectStatus(await api.post(`/workspaces/${workspace.id}/actions/lock`), 200)

      const unlock = await cli.ok(['force-unlock', '-force', `${organization}/${workspace.name}`])

      expect(unlock.output).to.contain('successfully unlocked')
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'state rm, locked workspace',
    fact: 'fails and says who holds the lock; the state is unchanged',
    state: two,
    async run({ api, cli, organization, workspace }) {
      expectStatus(await api.post(`/workspaces/${workspace.id}/actions/lock`), 200)

      const rm = await cli.run('state rm terraform_data.b')

      expect(rm.exitCode).to.equal(1)
      expect(rm.output).to.contain('workspace already locked').and.contain(`${organization}/${workspace.name}`)
      expect(await resourcesOf(api, workspace.id)).to.have.length(2)
    },
  },
]

const local = { 'execution-mode': 'local' }

export const localScenarios: Scenario[] = [
  {
    command: 'plan, local execution',
    fact: 'plans on this machine; no run is made',
    workspace: local,
    async run(cell) {
      const plan = await cell.cli.ok('plan')

      expect(plan.stdout).to.contain('Plan: 1 to add')
      expect(await cell.runs()).to.deep.equal([])
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'apply, local execution',
    fact: 'stores the state and frees the lock; no run is made',
    workspace: local,
    async run(cell) {
      const apply = await cell.cli.ok('apply -auto-approve')
      const output = await cell.cli.ok('output -raw a')

      expect(apply.stdout).to.contain('Apply complete! Resources: 1 added')
      expect(output.stdout).to.equal('x')
      expect(await cell.runs()).to.deep.equal([])
      expect(await isLocked(cell)).to.equal(false)
    },
  },
  {
    command: 'apply PLAN, local execution',
    fact: 'applies a saved plan file',
    workspace: local,
    async run({ api, cli, workspace }) {
      await cli.ok('plan -out=local.tfplan -var input=saved')
      const shown = await cli.ok('show local.tfplan')
      await cli.ok('apply local.tfplan')

      expect(shown.stdout).to.contain('terraform_data.a will be created')
      expect((await currentState(api, workspace.id))?.outputs.a?.value).to.equal('saved')
    },
  },
  {
    command: 'destroy, local execution',
    fact: 'leaves an empty state',
    workspace: local,
    state: appliedOne,
    config: oneResource,
    async run({ api, cli, workspace }) {
      await cli.ok('destroy', { steps: [{ when: 'Enter a value:', answer: 'yes' }] })

      expect(await resourcesOf(api, workspace.id)).to.deep.equal([])
    },
  },
]
