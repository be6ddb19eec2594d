import { expect } from 'chai'
import { document } from '../../support/server.ts'
import { expectStatus } from '../../support/stack.ts'
import { resourcesOf } from '../../support/states.ts'
import { type Cell, oneResource, type Scenario } from '../scenario.ts'

const done = 'has been successfully initialized'

const workspaceOf = async ({ api, organization }: Cell, name: string) =>
  expectStatus(await api.get(`/organizations/${organization}/workspaces/${name}`), 200).json.data

const onlyCloud = 'the remote backend has names and prefixes only'

export const initScenarios: Scenario[] = [
  {
    command: 'init, workspace exists',
    fact: 'succeeds and changes nothing',
    init: false,
    async run(cell) {
      const init = await cell.cli.ok('init')

      expect(init.stdout).to.contain(done)
      expect((await workspaceOf(cell, cell.name)).attributes.locked).to.equal(false)
    },
  },
  {
    command: 'init, workspace is created',
    fact: 'makes it with the engine and version of the client',
    workspace: 'none',
    async run(cell) {
      const init = await cell.cli.ok('init -input=false')

      const { attributes } = await workspaceOf(cell, cell.name)
      expect(init.stdout).to.contain(done)
      expect(attributes.engine).to.equal(cell.engine)
      expect(attributes['terraform-version']).to.equal(cell.cli.version)
    },
  },
  {
    command: 'init, by tags',
    fact: 'asks for a name and makes a workspace that has the tags',
    absent: { remote: onlyCloud },
    workspace: 'none',
    async run(cell) {
      await cell.configure(oneResource, { workspace: { tags: [`t-${cell.name}`, 'app'] } })

      await cell.cli.ok('init', { steps: [{ when: 'Enter a value:', answer: cell.name }] })
      const again = await cell.cli.ok('init -input=false')

      const { attributes } = await workspaceOf(cell, cell.name)
      expect(attributes['tag-names']).to.have.members(['app', `t-${cell.name}`])
      expect(again.stdout).to.contain(done)
    },
  },
  {
    command: 'init, by key-value tags',
    fact: 'finds the workspace with both and makes one when there is none',
    absent: { remote: onlyCloud, tofu: 'OpenTofu has no key-value tags' },
    workspace: 'none',
    async run(cell) {
      await cell.configure(oneResource, { workspace: { tags: { env: 'prod', team: cell.name } } })

      await cell.cli.ok('init', { steps: [{ when: 'Enter a value:', answer: cell.name }] })
      const again = await cell.cli.ok('init -input=false')
      const list = await cell.cli.ok('workspace list')

      const { id } = await workspaceOf(cell, cell.name)
      const bindings = expectStatus(await cell.api.get(`/workspaces/${id}/tag-bindings`), 200).json.data
      expect(bindings.map((b: { attributes: object }) => b.attributes)).to.deep.include.members([
        { key: 'env', value: 'prod', ...extra(bindings[0]) },
      ])
      expect(again.stdout).to.contain(done)
      expect(list.stdout.trim()).to.equal(`* ${cell.name}`)
    },
  },
  {
    command: 'init, in a project',
    fact: 'makes the workspace in that project',
    absent: { remote: 'the remote backend has no project' },
    workspace: 'none',
    async run(cell) {
      const projects = `/organizations/${cell.organization}/projects`
      const project = expectStatus(await cell.api.post(projects, document({ name: cell.name })), 201).json.data
      await cell.configure(oneResource, { project: cell.name })

      await cell.cli.ok('init -input=false')

      const { relationships } = await workspaceOf(cell, cell.name)
      expect(relationships.project.data.id).to.equal(project.id)
    },
  },
  {
    command: 'init, by prefix',
    fact: 'selects the one workspace with the prefix',
    absent: { cloud: 'the cloud block has no prefix' },
    workspace: 'none',
    async run(cell) {
      const made = { name: `${cell.name}-one`, engine: cell.engine, 'terraform-version': cell.cli.version }
      await cell.stack.makeWorkspace(cell.organization, made)
      await cell.configure(oneResource, { workspace: { prefix: `${cell.name}-` } })

      await cell.cli.ok('init -input=false')
      const show = await cell.cli.ok('workspace show')

      expect(show.stdout).to.equal('one\n')
    },
  },
  {
    command: 'init, with a local state',
    fact: 'moves the state into the workspace',
    init: false,
    async run(cell) {
      await cell.cli.configure({ backend: 'none' }, oneResource)
      await cell.cli.ok('init -input=false')
      await cell.cli.ok('apply -auto-approve')
      await cell.configure(oneResource)

      await cell.cli.ok('init', { steps: [{ when: 'Enter a value:', answer: 'yes' }] })

      expect(await resourcesOf(cell.api, cell.workspace.id)).to.deep.equal(['terraform_data.a'])
    },
  },
]

/** Other attributes than key and value that a binding may have. */
const extra = ({ attributes: { key: _k, value: _v, ...more } }: { attributes: Record<string, unknown> }) => more
