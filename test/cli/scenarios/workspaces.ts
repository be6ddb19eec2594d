import { expect } from 'chai'
import { expectStatus } from '../../support/stack.ts'
import { putState } from '../../support/states.ts'
import { type Cell, oneResource, type Scenario } from '../scenario.ts'

/** How the backend calls the workspace that the server calls NAME-one: cloud by its name, remote without the prefix. */
const called = ({ backend, name }: Cell, short: string) => (backend === 'cloud' ? `${name}-${short}` : short)
const full = ({ name }: Cell, short: string) => `${name}-${short}`

const exists = async ({ api, organization }: Cell, name: string) =>
  (await api.get(`/organizations/${organization}/workspaces/${name}`)).status === 200

/** Several workspaces by a tag (cloud) or a prefix (remote); the first is selected. */
async function several(cell: Cell, ...shorts: string[]): Promise<string[]> {
  const { api, cli, organization, stack, engine, backend, name } = cell
  const ids: string[] = []
  for (const short of shorts) {
    const made = { name: full(cell, short), engine, 'terraform-version': cli.version }
    const { id } = await stack.makeWorkspace(organization, made)
    const tags = { data: [{ type: 'tags', attributes: { name } }] }
    if (backend === 'cloud') expectStatus(await api.post(`/workspaces/${id}/relationships/tags`, tags), 204)
    ids.push(id)
  }
  await cell.configure(oneResource, { workspace: backend === 'cloud' ? { tags: [name] } : { prefix: `${name}-` } })
  if (shorts.length > 1) await cli.ok('init', { steps: [{ when: 'Enter a value:', answer: '1' }] })
  else await cli.ok('init -input=false')
  return ids
}

export const workspaceScenarios: Scenario[] = [
  {
    command: 'workspace list',
    fact: 'names those with the tag or the prefix, the selected one with a star',
    workspace: 'none',
    async run(cell) {
      await several(cell, 'a', 'b')

      const list = await cell.cli.ok('workspace list')

      expect(list.stdout.trim().split('\n')).to.deep.equal([`* ${called(cell, 'a')}`, `  ${called(cell, 'b')}`])
    },
  },
  {
    command: 'workspace new',
    fact: 'makes the workspace and selects it',
    workspace: 'none',
    async run(cell) {
      await several(cell, 'a')

      const made = await cell.cli.ok(`workspace new ${called(cell, 'b')}`)
      const show = await cell.cli.ok('workspace show')

      expect(made.stdout).to.contain('Created and switched to workspace')
      expect(show.stdout.trim()).to.equal(called(cell, 'b'))
      expect(await exists(cell, full(cell, 'b'))).to.equal(true)
    },
  },
  {
    command: 'workspace select',
    fact: 'changes to another one, and refuses a name that does not exist',
    workspace: 'none',
    async run(cell) {
      await several(cell, 'a', 'b')

      await cell.cli.ok(`workspace select ${called(cell, 'b')}`)
      const show = await cell.cli.ok('workspace show')
      const wrong = await cell.cli.run(`workspace select ${called(cell, 'none')}`)

      expect(show.stdout.trim()).to.equal(called(cell, 'b'))
      expect(wrong.exitCode).to.equal(1)
      expect(wrong.output).to.match(/doesn't exist|does not exist/)
    },
  },
  {
    command: 'workspace select -or-create',
    fact: 'makes the workspace',
    workspace: 'none',
    async run(cell) {
      await several(cell, 'a')

      await cell.cli.ok(`workspace select -or-create ${called(cell, 'c')}`)

      expect(await exists(cell, full(cell, 'c'))).to.equal(true)
    },
  },
  {
    command: 'workspace delete',
    fact: 'deletes an empty one, and one with resources only with -force',
    workspace: 'none',
    async run(cell) {
      const [, , managing] = await several(cell, 'a', 'b', 'c')
      await putState(cell.api, managing!, { resources: { a: 'x' } })

      await cell.cli.ok(`workspace delete ${called(cell, 'b')}`)
      const refused = await cell.cli.run(`workspace delete ${called(cell, 'c')}`)
      const isThere = await exists(cell, full(cell, 'c'))
      await cell.cli.ok(`workspace delete -force ${called(cell, 'c')}`)

      expect(await exists(cell, full(cell, 'b'))).to.equal(false)
      expect(refused.exitCode).to.equal(1)
      expect(isThere).to.equal(true)
      expect(await exists(cell, full(cell, 'c'))).to.equal(false)
    },
  },
]
