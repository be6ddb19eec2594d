import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { type AgentStack, startAgentStack } from '../agents/agent-process.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts'
import { document } from '../support/server.ts'
import { logOf } from '../support/stack.ts'

const audience = 'aws.workload.identity'

/** Reads the token where the AWS provider would. In the plan it is a value, in the apply a provisioner shows it. */
const common = `
variable "tfc_aws_dynamic_credentials" {
  type = object({
    default = object({ shared_config_file = string })
    aliases = map(object({ shared_config_file = string }))
  })
}
locals {
  file = regex("web_identity_token_file = (.*)", file(var.tfc_aws_dynamic_credentials.default.shared_config_file))[0]
}`
const inPlan = `${common}
output "token" {
  value     = file(local.file)
  sensitive = true
}
output "place" {
  value = local.file
}`
const inApply = (address: string) => `${common}
resource "terraform_data" "login" {
  provisioner "local-exec" {
    command = <<-EOT
      echo "the token is $(cat \${local.file})"
      test "$AWS_WEB_IDENTITY_TOKEN_FILE" = "\${local.file}"
      curl -sS --fail --data-binary "@$AWS_WEB_IDENTITY_TOKEN_FILE" ${address}
    EOT
  }
}
output "place" {
  value = local.file
}`

describe('a run that shows its identity', function () {
  this.timeout(180_000)
  let stack: AgentStack
  let cloud: RelyingParty
  before(async () => {
    stack = await startAgentStack()
    cloud = await startRelyingParty({
      issuer: stack.server.url,
      discovery: stack.url,
      audience,
      subject: /:run_phase:apply$/,
    })
    await stack.startAgent()
  })
  after(async () => {
    await cloud?.stop()
    await stack?.stop()
  })

  const makeLocal = async () => (await stack.makeWorkspace(stack.organization)).id
  for (const [who, make] of [
    ['a runner', makeLocal],
    ['a remote agent', () => stack.makeAgentWorkspace()],
  ] as const) {
    it(`on ${who} is let in by a cloud that trusts its apply and not its plan; its log shows no token`, async () => {
      const workspace = await make()
      for (const [key, value] of [
        ['TFC_AWS_PROVIDER_AUTH', 'true'],
        ['TFC_AWS_RUN_ROLE_ARN', 'arn:aws:iam::1:role/runs'],
      ])
        await stack.api.post(`/workspaces/${workspace}/vars`, document({ key, value, category: 'env' }))

      await uploadConfiguration(stack.api, workspace, { 'main.tf': inPlan })
      const planOnly = await startRun(stack.api, workspace, { 'plan-only': true })
      const planned = await stack.waitForRun(planOnly, 'planned_and_finished')
      const planId = planned.relationships.plan.data.id
      const { token } = (await stack.api.get(`/plans/${planId}/json-output`)).json.planned_values.outputs
      const isPlanTrusted = await cloud.verify(token.value)

      await uploadConfiguration(stack.api, workspace, { 'main.tf': inApply(cloud.url) })
      const runId = await startRun(stack.api, workspace, { 'auto-apply': true })
      const applied = await stack.waitForRun(runId, 'applied')
      const log = await logOf(stack.api, applied)
      const state = (await stack.api.get(`/workspaces/${workspace}/current-state-version`)).json.data

      expect(isPlanTrusted).to.equal(false)
      expect(cloud.refused.at(-1)).to.match(/run_phase:plan is not trusted/)
      expect(cloud.accepted.at(-1), log).to.deep.include({
        terraform_run_id: runId,
        terraform_run_phase: 'apply',
        terraform_workspace_id: workspace,
      })
      expect(log)
        .to.include('the token is (sensitive value)')
        .and.include('welcome')
        .and.not.match(/eyJ[\w-]{20}/)
      expect(state.attributes.status).to.equal('finalized')
      const kept = await stack.db.any(sql.type(z.object({ data: z.string() }))`
        select data::text
        from pgboss.job
        where data::text like ${'%eyJ%'}`)
      expect(kept).to.deep.equal([])
    })
  }
})
