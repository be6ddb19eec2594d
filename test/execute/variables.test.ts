import { expect } from 'chai'
import type { PhaseVariable } from '../../shared/phase.ts'
import { clients } from '../support/clients.ts'
import { lastState, makePlace, type Place, plan, planAndApply, variable, type WorkOverrides } from './phases.ts'

const literals: [title: string, value: string][] = [
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it must not become a template
  ['CORE-13 quotes, backslash and template marks', 'say "hi" \\ ${x} %{if true}'],
  ['CORE-14 two lines without a newline at the end', 'first\nsecond'],
  ['CORE-15 a line that ends a heredoc', 'a\nEOT\nb\n'],
  ['an empty string', ''],
  ['tabs, carriage returns and letters beyond ASCII', '\t\r\n äöü 日本 😀'],
]

for (const engine of ['terraform', 'tofu'] as const) {
  describe(`terraform variables of a run (${engine})`, () => {
    let place: Place
    let overrides: WorkOverrides
    const path = process.env.PATH
    before(async function () {
      this.timeout(600_000)
      const { versions, [engine]: binary } = await clients()
      // The worker finds its engines on PATH.
      process.env.PATH = `${binary.slice(0, binary.lastIndexOf('/'))}:${path}`
      overrides = { engine: { name: engine, version: versions[engine] } }
      place = await makePlace()
    })
    after(async () => {
      process.env.PATH = path
      await place.remove()
    })

    const outputOf = async (variables: PhaseVariable[], files: Record<string, string> = {}) => {
      const declared = variables.map(({ key, hcl }) => `variable "${key}" {\n  type = ${hcl ? 'any' : 'string'}\n}\n`)
      const outputs = variables.map(({ key }) => `output "${key}" {\n  value = var.${key}\n}\n`)
      const { planned, applied } = await planAndApply(
        place,
        { 'main.tf': [...declared, ...outputs].join(''), ...files },
        { ...overrides, variables },
      )
      expect(planned.result.outcome, planned.logText).to.equal('finished')
      return lastState(applied).outputs
    }

    it('a literal arrives byte for byte', async () => {
      const outputs = await outputOf(literals.map(([, value], index) => variable(`v${index}`, value)))

      for (const [index, [title, value]] of literals.entries()) {
        expect(outputs[`v${index}`].value, title).to.equal(value)
      }
    })

    it('CORE-16 an HCL variable is one typed expression', async () => {
      const outputs = await outputOf([
        variable('x', '{ a = 1, b = [2, 3] }', { hcl: true }),
        variable('lines', '[\n  1, # one\n  2\n] # end', { hcl: true }),
        variable('doc', '<<EOT\nhello\nEOT', { hcl: true }),
        variable('fromCli', '"quoted"', { hcl: true }),
      ])

      expect(outputs.x.value.b[1]).to.equal(3)
      expect(outputs.lines.value).to.deep.equal([1, 2])
      expect(outputs.doc.value).to.equal('hello\n')
      expect(outputs.fromCli.value).to.equal('quoted')
    })

    it('variables of the workspace win over every tfvars file of the archive', async () => {
      const outputs = await outputOf([variable('x', 'workspace'), variable('y', '"workspace"', { hcl: true })], {
        'terraform.tfvars': 'x = "file"\ny = "file"\n',
        'zzzzz.auto.tfvars': 'x = "auto"\ny = "auto"\n',
        '~~~.auto.tfvars.json': '{"x":"auto","y":"auto"}',
      })

      expect([outputs.x.value, outputs.y.value]).to.deep.equal(['workspace', 'workspace'])
    })

    it('an expression that does not parse fails the plan and is named', async () => {
      for (const structuredOutput of [true, false]) {
        const planned = await plan(
          place,
          { 'main.tf': 'variable "good" {\n}\nvariable "broken" {\n}\n' },
          {
            ...overrides,
            structuredOutput,
            variables: [variable('good', '1', { hcl: true }), variable('broken', '{ a = ', { hcl: true })],
          },
        )

        expect(planned.result.outcome).to.equal('errored')
        expect(planned.result).to.have.property('reason').that.includes('variable "broken"')
      }
    })

    it('a variable that the configuration does not declare is a warning', async () => {
      const planned = await plan(
        place,
        { 'main.tf': 'output "x" {\n  value = 1\n}\n' },
        { ...overrides, variables: [variable('extra', 'x'), variable('more', '[1]', { hcl: true })] },
      )

      expect(planned.result.outcome).to.equal('finished')
    })

    it('facts of the run are input variables for those who declare them', async () => {
      const { applied } = await planAndApply(
        place,
        {
          'main.tf':
            'variable "TFC_WORKSPACE_SLUG" {\n  type = string\n}\noutput "slug" {\n  value = var.TFC_WORKSPACE_SLUG\n}\n',
        },
        overrides,
      )

      expect(lastState(applied).outputs.slug.value).to.equal('acme/network')
    })

    it('terraform.workspace, a partial apply and both output forms hold for this engine', async () => {
      const { planned, applied } = await planAndApply(
        place,
        {
          'main.tf': `
terraform {
  cloud {
    organization = "x"
    workspaces {
      name = "y"
    }
  }
}
resource "terraform_data" "a" {
  input = terraform.workspace
}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
  provisioner "local-exec" {
    command = "exit 7"
  }
}`,
        },
        overrides,
      )

      expect(planned.logText.split('\n')[0]).to.match(engine === 'tofu' ? /^OpenTofu v/ : /^Terraform v/)
      expect(planned.result).to.deep.include({ outcome: 'finished', hasChanges: true })
      expect(applied.result).to.deep.include({ outcome: 'errored', reason: 'local-exec provisioner error' })
      expect(lastState(applied).resources[0].instances[0].attributes.input.value).to.equal('network')
    })
  })
}
