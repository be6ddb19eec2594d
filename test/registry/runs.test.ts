import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { type EngineName, makeCli } from '../support/cli.ts'
import { clients } from '../support/clients.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { expectStatus, logOf, type Stack, startStack } from '../support/stack.ts'
import { publishModule, publishProvider } from './publish.ts'

const engines: EngineName[] = ['terraform', 'tofu']

describe('runs that install from the private registry', function () {
  this.timeout(180_000)
  let stack: Stack
  before(async () => {
    stack = await startStack()
    for (const organization of ['acme', 'other']) {
      await stack.makeOrganization(organization)
      const module = { name: 'greeting', provider: 'null' }
      const body = `output "says" {\n  value = "hello from ${organization}"\n}\n`
      await publishModule(stack.api, organization, module, '1.0.0', { 'main.tf': body })
    }
    await publishProvider(stack.api, 'acme', 'demo', '1.0.0', await nullProvider())
  })
  after(() => stack?.stop())

  const uses = (organization: string) => `
terraform {
  required_providers {
    demo = {
      source = "localterraform.com/acme/demo"
    }
  }
}
module "greeting" {
  source  = "localterraform.com/${organization}/greeting/null"
  version = "~> 1.0"
}
output "says" {
  value = module.greeting.says
}
`

  for (const engine of engines) {
    it(`${engine} in a run installs module and provider of its organization with the run's own token`, async () => {
      const { id } = await stack.makeWorkspace('acme', { engine, 'auto-apply': true })
      await uploadConfiguration(stack.api, id, { 'main.tf': uses('acme') })

      await stack.waitForRun(await startRun(stack.api, id), 'applied')

      const outputs = expectStatus(await stack.api.get(`/workspaces/${id}/current-state-version-outputs`), 200)
      expect(outputs.json.data[0].attributes.value).to.equal('hello from acme')
    })

    it(`${engine} at a terminal, with a cloud block, finds this server as localterraform.com`, async () => {
      const cli = await makeCli(engine, { server: stack.server })
      try {
        await cli.configure(
          { backend: 'cloud', organization: 'acme', workspace: { name: `alias-${engine}` } },
          'module "m" {\n  source  = "localterraform.com/acme/greeting/null"\n  version = "1.0.0"\n}\n',
        )

        const init = await cli.ok('init -no-color -input=false')

        expect(init.output).to.contain('localterraform.com/acme/greeting/null 1.0.0')
      } finally {
        await cli.remove()
      }
    })
  }

  it("a run does not reach another organization's modules", async () => {
    const { id } = await stack.makeWorkspace('acme', {})
    await uploadConfiguration(stack.api, id, { 'main.tf': uses('other') })

    const run = await stack.waitForRun(await startRun(stack.api, id), 'errored')

    expect(await logOf(stack.api, run)).to.match(/Module not found|could not be found/)
  })
})

/** A real provider, to be published under another name. */
async function nullProvider(): Promise<Buffer> {
  const folder = join((await clients()).mirror, 'registry.terraform.io', 'hashicorp', 'null')
  const names = await readdir(folder, { recursive: true })
  return readFile(join(folder, names.find((name) => /terraform-provider-null_v[^/]+$/.test(name))!))
}
