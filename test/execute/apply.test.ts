import { access, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { clients } from '../support/clients.ts'
import { applyOf, lastState, makePlace, type Place, plan, planAndApply, run, variable } from './phases.ts'

const two = `
resource "terraform_data" "a" {}
resource "terraform_data" "b" {}
`

describe('executing a plan and its apply', () => {
  let place: Place
  before(async () => {
    place = await makePlace()
  })
  after(() => place.remove())

  it('begins both logs with the three head lines and keeps plan, plan JSON and redacted JSON', async () => {
    const { planned, applied } = await planAndApply(place, { 'main.tf': two })

    for (const phase of [planned, applied]) {
      const [first, second, third] = phase.logText.split('\n')
      expect([first, third]).to.deep.equal(['Terraform v1.11.4', 'Initializing plugins and modules...'])
      expect(second).to.match(/^on (linux|darwin)_(amd64|arm64)$/)
    }
    expect([...planned.artifacts.keys()]).to.have.members(['plan-file', 'plan-json', 'plan-json-redacted'])
    const redacted = JSON.parse(planned.artifacts.get('plan-json-redacted')!.toString())
    expect(redacted.provider_schemas).to.have.property('terraform.io/builtin/terraform')
    expect(redacted.provider_format_version).to.equal('1.0')
    expect(applied.uploads).to.have.length(1)
    expect(applied.uploads[0]).to.include({ intermediate: false })
    expect(await readdir(place.config.workDir)).to.be.empty
  })

  it('a plan of what is already applied has no changes, and its state serial stays', async () => {
    const { applied } = await planAndApply(place, { 'main.tf': two })
    const { serial, lineage, sizeBytes, bytes } = applied.uploads[0]!

    const again = await plan(place, { 'main.tf': two }, { runId: 'run-again', state: { serial, lineage, sizeBytes } })
    expect(again.results).to.have.length(1)
    // without the state in the handle the plan fails; with it there is nothing to do
    const { MemoryPhase } = await import('./fake-handle.ts')
    const phase = new MemoryPhase({ ...again.work, runId: 'run-again2' }, again.archive)
    phase.currentState = bytes
    await run(place, phase)

    expect(phase.result).to.deep.include({ outcome: 'finished', hasChanges: false })
    const apply = applyOf(phase)
    await run(place, apply)
    expect(apply.result.outcome).to.equal('finished')
    expect(apply.uploads).to.be.empty
  })

  it('CORE-12 a failing apply uploads its partial state before it ends errored', async () => {
    const { applied } = await planAndApply(place, {
      'main.tf': `
resource "terraform_data" "a" {}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
  provisioner "local-exec" {
    command = "exit 7"
  }
}`,
    })

    expect(applied.result).to.deep.equal({
      outcome: 'errored',
      reason: 'local-exec provisioner error',
      counts: { additions: 1, changes: 0, destructions: 0, imports: 0 },
    })
    expect(lastState(applied).resources.map((r: { name: string }) => r.name)).to.include('a')
    expect(applied.uploads.at(-1)!.intermediate).to.equal(false)
  })

  it('CORE-20 a targeted resource is applied and the other is not', async () => {
    const { applied } = await planAndApply(
      place,
      { 'main.tf': two },
      { options: { targetAddrs: ['terraform_data.a'] } },
    )

    expect(lastState(applied).resources.map((r: { name: string }) => r.name)).to.deep.equal(['a'])
  })

  it('CORE-26 the log of 200 resources is complete and in order', async () => {
    const { applied } = await planAndApply(place, { 'main.tf': 'resource "terraform_data" "a" {\n  count = 200\n}\n' })

    const complete = applied.logText.match(/"@message":"terraform_data\.a\[\d+\]: Creation complete/g)!
    expect(new Set(complete).size).to.equal(200)
    expect(complete).to.have.length(200)
    expect(applied.result).to.deep.include({ outcome: 'finished' })
  })

  it('CORE-40 counters come from the engine, not from what a provisioner prints', async () => {
    const files = {
      'main.tf': `
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo 'Plan: 99 to add, 99 to change, 99 to destroy.'; echo 'Apply complete! Resources: 99 added'; echo '{\\"@level\\":\\"info\\",\\"type\\":\\"change_summary\\",\\"changes\\":{\\"add\\":99}}'"
  }
}`,
    }
    for (const structuredOutput of [true, false]) {
      const { planned, applied } = await planAndApply(place, files, { structuredOutput })

      for (const phase of [planned, applied]) {
        expect(phase.result).to.deep.include({ counts: { additions: 1, changes: 0, destructions: 0, imports: 0 } })
      }
      expect(applied.logText).to.include('99 added')
    }
  })

  it('a partial apply in plain output is counted by its states', async () => {
    const { applied } = await planAndApply(
      place,
      {
        'main.tf': `
resource "terraform_data" "a" {
  count = 3
}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
  provisioner "local-exec" {
    command = "exit 7"
  }
}`,
      },
      { structuredOutput: false },
    )

    expect(applied.result).to.deep.include({ outcome: 'errored' })
    // b was created, and is in the state as tainted
    expect(applied.result).to.deep.include({ counts: { additions: 4, changes: 0, destructions: 0, imports: 0 } })
  })

  it('CORE-29 runs in the working directory and finds modules above it', async () => {
    const { applied } = await planAndApply(
      place,
      {
        'env/prod/main.tf': 'module "m" {\n  source = "../../modules/m"\n}\noutput "x" {\n  value = module.m.x\n}\n',
        'modules/m/main.tf': 'output "x" {\n  value = "found"\n}\n',
      },
      { workspace: { id: 'ws-1', name: 'prod', workingDirectory: 'env/prod' } },
    )

    expect(lastState(applied).outputs.x.value).to.equal('found')
  })

  it('a working directory that is not in the archive ends the plan with its name', async () => {
    const planned = await plan(
      place,
      { 'main.tf': two },
      { workspace: { id: 'ws-1', name: 'prod', workingDirectory: 'env/prod' } },
    )

    expect(planned.result).to.deep.equal({
      outcome: 'errored',
      reason: 'The working directory "env/prod" does not exist in the configuration',
    })
    expect(planned.logText).to.include('env/prod')
  })

  it('CORE-35 a phase starts without the files an earlier one left', async () => {
    const files = { 'main.tf': 'output "files" {\n  value = fileset(path.root, "**")\n}\n' }
    const runId = 'run-leftover'
    await mkdir(join(place.config.workDir, runId, 'config'), { recursive: true })
    await writeFile(join(place.config.workDir, runId, 'config', 'stray.auto.tfvars'), 'x = 1\n')
    await writeFile(join(place.config.workDir, runId, 'tfplan'), 'stray')

    const { applied } = await planAndApply(place, files, { runId })

    expect(lastState(applied).outputs.files.value).to.not.include('stray.auto.tfvars')
  })

  it('abspath is the same in plan and apply', async () => {
    const { applied } = await planAndApply(place, {
      'main.tf': `
resource "terraform_data" "a" {
  input = abspath(path.root)
  provisioner "local-exec" {
    command = "test \\"$(pwd -P)\\" = '\${self.input}'"
  }
}`,
    })

    expect(applied.result.outcome).to.equal('finished')
  })

  it('backends and cloud blocks of the configuration do not matter, and terraform.workspace is the name', async () => {
    const bodies = [
      'terraform {\n  cloud {\n    organization = "x"\n    workspaces {\n      name = "y"\n    }\n  }\n}\n',
      'terraform {\n  backend "s3" {\n    bucket = "b"\n  }\n}\n',
      'terraform {\n  backend "remote" {\n    organization = "x"\n    workspaces {\n      name = "y"\n    }\n  }\n}\n',
    ]
    for (const [index, body] of bodies.entries()) {
      const { applied } = await planAndApply(place, {
        'main.tf': `${body}output "w" {\n  value = terraform.workspace\n}\n`,
        // the user's own override, later in the alphabet than ours
        'zzzz_override.tf': 'terraform {\n  backend "http" {}\n}\n',
        // leftovers of a local past
        'terraform.tfstate': '{"version":4,"serial":3,"lineage":"old","outputs":{},"resources":[]}',
        'terraform.tfstate.d/other/terraform.tfstate':
          '{"version":4,"serial":3,"lineage":"old","outputs":{},"resources":[]}',
      })

      expect(applied.results, String(index)).to.have.length(1)
      expect(lastState(applied).outputs.w.value).to.equal('network')
    }
  })

  it('a workspace named default works, and a configuration in JSON', async () => {
    const { applied } = await planAndApply(
      place,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Terraform's template
      { 'main.tf.json': '{"output":{"w":{"value":"${terraform.workspace}"}}}' },
      { workspace: { id: 'ws-1', name: 'default', workingDirectory: '' } },
    )

    expect(lastState(applied).outputs.w.value).to.equal('default')
  })

  it('destroys with an empty archive', async () => {
    const { applied } = await planAndApply(place, { 'main.tf': two })
    const { MemoryPhase, archiveOf } = await import('./fake-handle.ts')
    const { workOf } = await import('./phases.ts')
    const { serial, lineage, sizeBytes, bytes } = applied.uploads[0]!
    const destroy = new MemoryPhase(
      workOf({ state: { serial, lineage, sizeBytes }, options: { isDestroy: true } }),
      await archiveOf({}),
    )
    destroy.currentState = bytes
    await run(place, destroy)
    const apply = applyOf(destroy)
    await run(place, apply)

    expect(destroy.result).to.deep.include({ counts: { additions: 0, changes: 0, destructions: 2, imports: 0 } })
    expect(apply.result).to.deep.include({ counts: { additions: 0, changes: 0, destructions: 2, imports: 0 } })
    expect(lastState(apply).resources).to.be.empty
    expect(lastState(apply).serial).to.be.greaterThan(serial)
  })

  it('an invalid configuration ends with the log of the failed init', async () => {
    const planned = await plan(place, { 'main.tf': 'resource {' })

    expect(planned.result.outcome).to.equal('errored')
    expect(planned.logText).to.include('Initializing plugins and modules...').and.include('main.tf line 1')
    expect(planned.artifacts.size).to.equal(0)
  })

  it('CORE-28 a bare line between JSON lines stays in its place', async () => {
    // The engine itself writes bare lines when it is traced into stdout's pipe.
    const planned = await plan(
      place,
      { 'main.tf': two },
      { variables: [variable('TF_LOG', 'INFO', { category: 'env' })] },
    )

    const lines = planned.logText.split('\n')
    const bare = lines.findIndex((line) => /\[INFO\]/.test(line) && lines.indexOf(line) > 8)
    expect(bare).to.be.greaterThan(0)
    const json = lines.filter((line) => line.startsWith('{"@level"'))
    expect(() => json.map((line) => JSON.parse(line))).to.not.throw()
    expect(planned.result.outcome).to.equal('finished')
  })

  it('a missing engine version ends with what to install and what is at hand', async () => {
    const planned = await plan(place, { 'main.tf': two }, { engine: { name: 'terraform', version: '9.9.9' } })

    expect(planned.result.outcome).to.equal('errored')
    expect(planned.logText).to.include('Terraform 9.9.9 is not installed').and.include('terraform 1.11.4')
  })

  it('the state is still there when the server is away for a moment at the end of an apply', async () => {
    const planned = await plan(place, { 'main.tf': two })
    const applied = applyOf(planned)
    applied.uploadFailures = 1
    await run(place, applied)

    expect(applied.result.outcome).to.equal('finished')
    expect(applied.uploads).to.have.length(1)
  })

  it('a state that cannot be stored stays on the worker, and the run says so', async () => {
    const own = await makePlace()
    const planned = await plan(own, { 'main.tf': two })
    const applied = applyOf(planned)
    applied.uploadFailures = 99
    await run(own, applied)

    expect(applied.result).to.deep.include({ outcome: 'errored' })
    expect(applied.logText).to.include('could not be stored')
    const folder = join(own.config.workDir, applied.work.runId)
    await access(join(folder, 'recover.json'))
    await access(join(folder, 'state', 'workspaces', 'network', 'terraform.tfstate'))
    await own.remove()
  })

  it('a sensitive value is not in the redacted plan, and its change stays visible', async () => {
    const planned = await plan(
      place,
      {
        'main.tf': `
variable "secret" {
  type      = string
  sensitive = true
}
resource "terraform_data" "a" {
  input = { open = "shown", closed = var.secret }
}
output "o" {
  value     = var.secret
  sensitive = true
}`,
      },
      { variables: [variable('secret', 'hunter2-hunter2', { sensitive: true })] },
    )

    const redacted = planned.artifacts.get('plan-json-redacted')!.toString()
    expect(redacted).to.not.include('hunter2')
    expect(redacted).to.include('shown').and.include('(sensitive value)')
    expect(planned.artifacts.get('plan-json')!.toString()).to.include('hunter2')
  })

  it('an import block with -generate-config-out reports the generated configuration', async function () {
    this.timeout(60_000)
    const { mirror } = await clients()
    const own = await makePlace({ providerMirror: mirror })
    const planned = await plan(
      own,
      {
        'main.tf':
          'terraform {\n  required_providers {\n    time = {\n      source = "hashicorp/time"\n    }\n  }\n}\nimport {\n  to = time_static.a\n  id = "2020-02-12T06:36:13Z"\n}\n',
      },
      { options: { allowConfigGeneration: true } },
    )
    await own.remove()

    expect(planned.result, planned.logText).to.deep.include({ outcome: 'finished', generatedConfiguration: true })
    expect(planned.result).to.deep.include({ counts: { additions: 0, changes: 0, destructions: 0, imports: 1 } })
    expect(planned.artifacts.has('lock-file')).to.equal(true)
  })
})
