import { expect } from 'chai'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document } from '../support/server.ts'
import { expectStatus, type Stack, startStack } from '../support/stack.ts'
import { currentState } from '../support/states.ts'

const configuration = `
variable "quoted" {
}
variable "lines" {
}
variable "heredoc" {
}
variable "typed" {
  type = object({ a = number, b = list(number) })
}
variable "a" {
}
output "quoted" {
  value = var.quoted
}
output "lines" {
  value = var.lines
}
output "length" {
  value = length(var.lines)
}
output "heredoc" {
  value = var.heredoc
}
output "typed" {
  value = var.typed.b[1]
}
output "a" {
  value = var.a
}
`
const values = {
  quoted: `say "hi" \\ \${x} %{if true}`,
  lines: 'first\nsecond',
  heredoc: 'one\nEOT\ntwo',
  typed: '{ a = 1, b = [2, 3] }',
  a: 'workspace',
}

describe('variables of a run', function () {
  this.timeout(60_000)
  let stack: Stack
  let organization: string
  let workspaceId: string
  const ids = new Map<string, string>()
  before(async () => {
    stack = await startStack()
    organization = await stack.makeOrganization()
    workspaceId = (await stack.makeWorkspace(organization, { 'auto-apply': true })).id
    for (const [key, value] of Object.entries(values)) {
      const variable = document({ key, value, category: 'terraform', hcl: key === 'typed' })
      const made = expectStatus(await stack.api.post(`/workspaces/${workspaceId}/vars`, variable), 201)
      ids.set(key, made.json.data.id)
    }
    for (const name of ['B', 'A']) await makeSet(name)
    await uploadConfiguration(stack.api, workspaceId, { 'main.tf': configuration })
    await apply()
  })
  after(() => stack?.stop())

  async function makeSet(name: string): Promise<void> {
    const { api } = stack
    const set = expectStatus(await api.post(`/organizations/${organization}/varsets`, document({ name })), 201).json
      .data
    const variable = document({ key: 'a', value: `set ${name}`, category: 'terraform' })
    expectStatus(await api.post(`/varsets/${set.id}/relationships/vars`, variable), 201)
    const workspaces = { data: [{ type: 'workspaces', id: workspaceId }] }
    expectStatus(await api.post(`/varsets/${set.id}/relationships/workspaces`, workspaces), 204)
  }

  async function apply(): Promise<void> {
    await stack.waitForRun(await startRun(stack.api, workspaceId, { 'auto-apply': true }), 'applied')
  }

  const output = async (name: string) => (await currentState(stack.api, workspaceId))?.outputs[name]?.value

  it('CORE-13 quotes, backslashes and templates arrive character for character', async () => {
    expect(await output('quoted')).to.equal(values.quoted)
  })

  it('CORE-14 two lines arrive without a newline at the end', async () => {
    expect(await output('lines')).to.equal(values.lines)
    expect(await output('length')).to.equal(values.lines.length)
  })

  it('CORE-15 a line EOT is a line like others', async () => {
    expect(await output('heredoc')).to.equal(values.heredoc)
  })

  it('CORE-16 an HCL variable is one typed expression', async () => {
    expect(await output('typed')).to.equal(3)
  })

  it('CORE-17 the workspace wins over its sets; of two sets the one whose name comes first', async () => {
    const first = await output('a')
    expectStatus(await stack.api.delete(`/workspaces/${workspaceId}/vars/${ids.get('a')}`), 204)
    await apply()
    const second = await output('a')

    expect([first, second]).to.deep.equal(['workspace', 'set A'])
  })
})
