import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type Cli, type EngineName, makeCli } from '../support/cli.ts'
import { clients } from '../support/clients.ts'

const engines: readonly EngineName[] = ['terraform', 'tofu']
const oneResource = 'resource "terraform_data" "a" {\n  input = "x"\n}\n'
const thirdParty = `
terraform {
  required_providers {
    null = { source = "hashicorp/null" }
    time = { source = "hashicorp/time" }
  }
}
variable "trigger" { default = "first" }
resource "null_resource" "a" {
  triggers = { it = var.trigger }
}
data "null_data_source" "b" {
  inputs = { greeting = "hello" }
}
resource "time_static" "c" {
  rfc3339 = "2026-02-03T04:05:06Z"
}
output "greeting" { value = data.null_data_source.b.outputs["greeting"] }
output "year" { value = time_static.c.year }
`
const slow = `
resource "null_wait" "first" {
  ms       = 1500
  stubborn = true
}
resource "null_resource" "second" { depends_on = [null_wait.first] }
`

describe('the real clients', () => {
  before('built', async function () {
    this.timeout(20 * 60_000)
    await clients()
  })

  it('are terraform 1.11.4 and tofu 1.12.6, releases both', async () => {
    const { versions } = await clients()

    expect(versions).to.deep.equal({ terraform: '1.11.4', tofu: '1.12.6' })
  })

  for (const engine of engines) {
    describe(engine, function () {
      this.timeout(60_000)
      let cli: Cli
      beforeEach(async () => {
        cli = await makeCli(engine)
      })
      afterEach(() => cli.remove())

      it('installs null and time from the mirror; a changed trigger replaces the null resource', async () => {
        await cli.configure({ backend: 'none' }, thirdParty)

        await cli.ok('init')
        await cli.ok('apply -auto-approve')
        const again = await cli.run('plan -detailed-exitcode')
        const changed = await cli.run('plan -detailed-exitcode -var trigger=second')
        const greeting = await cli.ok('output -raw greeting')

        expect(again.exitCode).to.equal(0)
        expect(changed.exitCode).to.equal(2)
        expect(changed.stdout).to.contain('null_resource.a must be replaced')
        expect(greeting.stdout).to.equal('hello')
      })

      for (const tty of [false, true]) {
        const where = tty ? 'at a terminal' : 'through a pipe'

        it(`asks before it applies and reads the answer ${where}`, async () => {
          await cli.configure({ backend: 'none' }, oneResource)
          await cli.ok('init')

          const no = await cli.run('apply', { tty, steps: [{ when: 'Enter a value:', answer: 'no' }] })
          const yes = await cli.ok('apply', { tty, steps: [{ when: 'Enter a value:', answer: 'yes' }] })

          expect(no.exitCode).to.equal(1)
          expect(no.output).to.contain('Apply cancelled.')
          expect(yes.output).to.contain('Apply complete! Resources: 1 added')
        })

        it(`stops after the running resource on Ctrl-C and at once on the second ${where}`, async () => {
          await cli.configure({ backend: 'none' }, slow)
          await cli.ok('init')
          const stop = { when: 'null_wait.first: Creating...', afterMs: 300, press: 'interrupt' } as const

          const once = await cli.run('apply -auto-approve', { tty, steps: [stop] })
          const after = await cli.ok('state list')
          await cli.ok('destroy -auto-approve')
          const twice = await cli.run('apply -auto-approve', {
            tty,
            steps: [stop, { when: 'Gracefully shutting down', press: 'interrupt' }],
          })

          expect(once.exitCode).to.equal(1)
          expect(once.output).to.contain('null_wait.first: Creation complete')
          expect(after.stdout).to.equal('null_wait.first\n')
          expect(twice.exitCode).to.equal(1)
          expect(twice.output).to.contain('Two interrupts received')
        })
      }

      it('is killed with its plugins when the time is up, and the error holds its output', async () => {
        await cli.configure({ backend: 'none' }, 'resource "time_sleep" "a" { create_duration = "5m" }')
        await cli.ok('init')

        const error = await cli
          .run('apply -auto-approve', { timeoutMs: 3000 })
          .then(() => undefined)
          .catch((error: Error) => error)

        expect(error?.message).to.contain('still runs after 3000 ms')
        expect(error?.message).to.contain('time_sleep.a: Creating...')
      })

      for (const backend of ['cloud', 'remote'] as const) {
        it(`speaks http to the server of a host block, with its token, for the ${backend} backend`, async () => {
          const asked: string[] = []
          const server = createServer((request, answer) => {
            asked.push(`${request.url} ${request.headers.authorization}`)
            answer.writeHead(404).end()
          })
          await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
          const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
          const remote = await makeCli(engine, { server: { url, token: 'a-token' } })

          await remote.configure({ backend, organization: 'acme', workspace: { name: 'net' } }, oneResource)
          const init = await remote.run('init')
          server.close()
          await remote.remove()

          expect(asked[0]).to.equal('/api/v2/ping Bearer a-token')
          expect(init.exitCode).to.equal(1)
        })
      }
    })
  }
})
