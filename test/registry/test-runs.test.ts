import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { makeCli } from '../support/cli.ts'
import { archiveOf } from '../support/configurations.ts'
import { document } from '../support/server.ts'
import { expectStatus, type Stack, startStack } from '../support/stack.ts'
import { publishModule, put } from './publish.ts'

const files = {
  'main.tf': `
variable "name" {
  type    = string
  default = "nobody"
}
resource "terraform_data" "this" {
  input = var.name
}
output "says" {
  value = "hello \${terraform_data.this.output}"
}
`,
  'tests/says.tftest.hcl': `
run "says_hello" {
  assert {
    condition     = output.says == "hello world"
    error_message = "it does not greet the world"
  }
}
`,
}

const slow = {
  ...files,
  'tests/says.tftest.hcl': `
run "waits" {
  module {
    source = "./tests/waiting"
  }
}
run "never" {}
`,
  'tests/waiting/main.tf': `
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "sleep 4"
  }
}
`,
}

describe('test runs of a module', function () {
  this.timeout(180_000)
  let stack: Stack
  let path: string
  before(async () => {
    stack = await startStack({ runners: 2 })
    await stack.makeOrganization('acme')
    await publishModule(stack.api, 'acme', { name: 'greeting', provider: 'null' }, '1.0.0', files)
    path = '/organizations/acme/tests/registry-modules/private/acme/greeting/null/test-runs'
  })
  after(() => stack?.stop())

  async function start(content: Record<string, string>, attributes: Record<string, unknown> = {}) {
    const made = expectStatus(await stack.api.post(`${path}/configuration-versions`), 201)
    const { id, attributes: has } = made.json.data
    expect((await put(has['upload-url'], await archiveOf(content))).status).to.equal(200)
    const relationships = { 'configuration-version': { data: { type: 'configuration-versions', id } } }
    return expectStatus(await stack.api.post(path, document(attributes, relationships)), 201).json.data
  }
  async function until(id: string, ...statuses: string[]) {
    for (let i = 0; i < 600; i++) {
      const { data } = (await stack.api.get(`${path}/${id}`)).json
      if (statuses.includes(data.attributes.status)) return data
      await sleep(100)
    }
    throw new Error(`${id} does not get ${statuses}\n${stack.logs()}`)
  }
  const logOf = async (run: { attributes: Record<string, string> }) =>
    (await fetch(run.attributes['log-read-url']!)).text()

  it('terraform test -cloud-run shows passing tests and exits with 0, failing ones with 1', async () => {
    const cli = await makeCli('terraform', {
      server: { ...stack.server, url: stack.server.url.replace('localhost', '127.0.0.1') },
    })
    try {
      await cli.write(files)
      await cli.ok('init -no-color -input=false')
      const source = `-cloud-run=${new URL(stack.server.url.replace('localhost', '127.0.0.1')).host}/acme/greeting/null`

      const passed = await cli.run(['test', '-no-color', source, '-var', 'name=world'])
      const failed = await cli.run(['test', '-no-color', source])

      expect(passed.output).to.contain('Success! 1 passed, 0 failed.')
      expect(passed.exitCode).to.equal(0)
      expect(failed.output).to.contain('it does not greet the world')
      expect(failed.exitCode).to.equal(1)
    } finally {
      await cli.remove()
    }
  })

  it('a finished test run has its counts and a log between start and end marks', async () => {
    const started = await start(files, { variables: [{ key: 'name', value: '"world"' }] })
    expect(started.attributes.status).to.equal('queued')

    const run = await until(started.id, 'finished', 'errored')

    expect(run.attributes).to.include({
      status: 'finished',
      'test-status': 'pass',
      'tests-passed': 1,
      'tests-failed': 0,
    })
    expect(run.attributes['status-timestamps']).to.have.keys('queued-at', 'started-at', 'finished-at')
    const log = await logOf(run)
    expect(log)
      .to.match(/^\x02Terraform v/)
      .and.match(/\x03$/)
    const piece = await fetch(`${run.attributes['log-read-url']}?offset=1&limit=9`)
    expect(await piece.text()).to.equal('Terraform')
    const list = await stack.api.get(path)
    expect(list.json.data.map((t: { id: string }) => t.id)).to.include(run.id)
  })

  it("the module's own test variables reach the tests, and a sensitive one is never shown", async () => {
    const vars = path.replace('test-runs', 'vars')
    const made = await stack.api.post(
      vars,
      document({ key: 'name', value: 'world', category: 'terraform', sensitive: true }),
    )
    expect(made.status).to.equal(201)
    expect(made.json.data.attributes.value).to.equal(null)
    try {
      const run = await until((await start(files)).id, 'finished', 'errored')

      expect(run.attributes['test-status']).to.equal('pass')
      const list = await stack.api.get(vars)
      expect(list.json.data.map((v: { id: string }) => v.id)).to.deep.equal([made.json.data.id])
      const renamed = await stack.api.patch(`${vars}/${made.json.data.id}`, document({ key: 'other' }))
      expect(renamed.json.data.attributes.key).to.equal('other')
    } finally {
      expect((await stack.api.delete(`${vars}/${made.json.data.id}`)).status).to.equal(204)
    }
    expect((await stack.api.get(`${vars}/${made.json.data.id}`)).status).to.equal(404)
  })

  it('a configuration that cannot be tested ends errored and not finished', async () => {
    const run = await until((await start({ 'main.tf': 'variable {' })).id, 'finished', 'errored')

    expect(run.attributes).to.include({ status: 'errored', 'test-status': 'error' })
    expect(run.attributes['error-message']).to.be.a('string')
  })

  it('a running test run is canceled, and its engine destroys what it made', async () => {
    const { id } = await start(slow)
    const running = await until(id, 'running')
    expect((await stack.api.post(`${path}/${id}/force-cancel`)).status).to.equal(409)
    for (let i = 0; i < 100 && !(await logOf(running)).includes('"waits"'); i++) await sleep(100)

    expect((await stack.api.post(`${path}/${id}/cancel`)).status).to.equal(202)

    const run = await until(id, 'canceled')
    expect(await logOf(run))
      .to.contain('Interrupt received')
      .and.contain('"waits\\"... tearing down')
    expect(run.attributes['status-timestamps']).to.include.keys('canceled-at')
    expect((await stack.api.post(`${path}/${id}/cancel`)).status).to.equal(409)
  })

  it('the tests of a killed worker end errored and are not repeated; those of others go on', async () => {
    const long = { ...slow, 'tests/waiting/main.tf': slow['tests/waiting/main.tf'].replace('sleep 4', 'sleep 12') }
    const started = [await start(long), await start(long)]
    await Promise.all(started.map(({ id }) => until(id, 'running')))

    stack.workers[1]!.kill('SIGKILL')

    const ended = await Promise.all(started.map(({ id }) => until(id, 'errored', 'finished')))
    expect(ended.map((run) => run.attributes.status).sort()).to.deep.equal(['errored', 'finished'])
    const lost = ended.find((run) => run.attributes.status === 'errored')!
    expect(lost.attributes['error-message']).to.match(/^The worker was lost/)
    expect(await logOf(lost)).to.match(/\x03$/)
  })

  it('a configuration without an archive, of another module, or a folder outside are refused', async () => {
    const made = await stack.api.post(`${path}/configuration-versions`)
    const related = (id: string) => ({ 'configuration-version': { data: { type: 'configuration-versions', id } } })

    const answers = [
      await stack.api.post(path, document({}, related(made.json.data.id))),
      await stack.api.post(path, document({}, related('cv-0000000000000000'))),
      await stack.api.post(path, document({ 'test-directory': '../up' }, related(made.json.data.id))),
      await stack.api.get(`${path}/trun-NoTaReAlId`),
    ]

    expect(answers.map(({ status }) => status)).to.deep.equal([422, 422, 422, 404])
  })
})
