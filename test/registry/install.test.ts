import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Cli, type EngineName, makeCli } from '../support/cli.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeOrganization, publishModule, publishProvider } from './publish.ts'

const engines: EngineName[] = ['terraform', 'tofu']

describe('installing from the private registry', function () {
  this.timeout(180_000)
  let server: TestServer
  let host: string
  before(async () => {
    server = await startServer()
    host = new URL(server.url).host
    await makeOrganization(server.api, 'acme')
    for (const version of ['1.0.0', '1.1.0', '2.0.0']) {
      await publishModule(server.api, 'acme', { name: 'greeting', provider: 'null' }, version, {
        'main.tf': `output "version" {\n  value = "${version}"\n}\n`,
        'modules/loud/main.tf': `output "version" {\n  value = "LOUD ${version}"\n}\n`,
      })
    }
    await publishProvider(server.api, 'acme', 'demo', '1.2.3')
  })
  after(() => server.stop())

  const withCli = (engine: EngineName, token: string | null, use: (cli: Cli) => Promise<void>) => async () => {
    const given = { url: server.url, ...(token === null ? {} : { token: token || server.siteToken }) }
    const cli = await makeCli(engine, { server: given })
    try {
      await use(cli)
    } finally {
      await cli.remove()
    }
  }
  const output = async (cli: Cli, name: string) => {
    await cli.ok('init -no-color -input=false')
    await cli.ok('apply -no-color -input=false -auto-approve')
    return (await cli.ok(`output -no-color -raw ${name}`)).output
  }

  for (const engine of engines) {
    it(
      `${engine} installs the newest version of a module, and the newest that a constraint allows`,
      withCli(engine, '', async (cli) => {
        const source = `${host}/acme/greeting/null`
        await cli.write({
          'main.tf': `
module "newest" {
  source = "${source}"
}
module "old" {
  source  = "${source}"
  version = "~> 1.0"
}
module "loud" {
  source  = "${source}//modules/loud"
  version = "1.0.0"
}
output "all" {
  value = "\${module.newest.version} \${module.old.version} \${module.loud.version}"
}
`,
        })

        expect(await output(cli, 'all')).to.contain('2.0.0 1.1.0 LOUD 1.0.0')
      }),
    )

    it(
      `${engine} installs a signed private provider`,
      withCli(engine, '', async (cli) => {
        await cli.write({
          'main.tf': `
terraform {
  required_providers {
    demo = {
      source  = "${host}/acme/demo"
      version = "~> 1.2"
    }
  }
}
`,
        })

        const init = await cli.ok('init -no-color -input=false')

        expect(init.output).to.match(/Installed .*acme\/demo v1\.2\.3 \((self-)?signed/)
        const lock = await readFile(join(cli.folder, '.terraform.lock.hcl'), 'utf8')
        expect(lock).to.contain('"zh:').and.contain('"h1:')
      }),
    )

    it(
      `${engine} without a token is refused`,
      withCli(engine, null, async (cli) => {
        await cli.write({ 'main.tf': `module "m" {\n  source = "${host}/acme/greeting/null"\n}\n` })

        const init = await cli.run('init -no-color -input=false')

        expect(init.exitCode).to.equal(1)
      }),
    )
  }
})
