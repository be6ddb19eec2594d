import { expect } from 'chai'
import { askedIdentities, identityName } from '../../shared/identity/asked.ts'
import type { PhaseVariable } from '../../shared/phase.ts'
import { lastState, makePlace, type Place, plan, planAndApply, variable } from '../execute/phases.ts'
import { startReceiver } from '../support/receiver.ts'

const env = (key: string, value: string) => variable(key, value, { category: 'env' })
/** Long enough to be looked for in logs, as real ones are. */
const tokenOf = (name: string) => `eyJ-${name}-${'x'.repeat(40)}`
const asking = (...variables: PhaseVariable[]) => ({
  variables,
  identityTokens: Object.fromEntries(
    askedIdentities(variables).map((one) => [identityName(one), tokenOf(identityName(one))]),
  ),
})

describe('short-lived credentials of an engine', function () {
  this.timeout(60_000)
  let place: Place
  beforeEach(async () => {
    place = await makePlace({ outboundAllow: ['127.0.0.1'] })
  })
  afterEach(() => place.remove())

  const files = (body: string) => ({ 'main.tf': body })
  /** An output for each name of the environment: the engine's own view, by way of TF_VAR and files. */
  const printed = (names: string[]) =>
    files(`resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "for n in ${names.join(' ')}; do echo $n=$(printenv $n | rev); done"
  }
}`)
  /** Values are printed backwards, which no mask knows. */
  const valuesIn = (log: string): Record<string, string> =>
    Object.fromEntries(
      [...log.matchAll(/([A-Z_]+)=([^\s"\\]*)/g)].map(([, name, value]) => [name!, [...value!].reverse().join('')]),
    )

  it('AWS gets a role and a token file, by the environment and by a configuration file', async () => {
    const names = ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE']
    const { planned, applied } = await planAndApply(
      place,
      files(`
variable "tfc_aws_dynamic_credentials" {
  type = object({
    default = object({ shared_config_file = string })
    aliases = map(object({ shared_config_file = string }))
  })
}
locals {
  all = merge({ default = var.tfc_aws_dynamic_credentials.default }, var.tfc_aws_dynamic_credentials.aliases)
}
output "configs" {
  value = { for name, one in local.all : name => file(one.shared_config_file) }
}
${printed(names)['main.tf']}`),
      asking(
        env('TFC_AWS_PROVIDER_AUTH', 'true'),
        env('TFC_AWS_RUN_ROLE_ARN', 'arn:run'),
        env('TFC_AWS_PROVIDER_AUTH_PROD', 'true'),
        env('TFC_AWS_RUN_ROLE_ARN_PROD', 'arn:prod'),
      ),
    )

    expect(applied.result.outcome, planned.logText + applied.logText).to.equal('finished')
    const seen = valuesIn(applied.logText)
    expect(seen.AWS_ROLE_ARN).to.equal('arn:run')
    const { configs } = lastState(applied).outputs
    expect(configs.value.default).to.include(`web_identity_token_file = ${seen.AWS_WEB_IDENTITY_TOKEN_FILE}\n`)
    expect(configs.value.default).to.include('role_arn = arn:run\n')
    expect(configs.value.PROD)
      .to.include('role_arn = arn:prod\n')
      .and.match(/web_identity_token_file = .*aws-PROD-token\n/)
  })

  it('plan and apply may have roles of their own, and a missing one is named', async () => {
    const on = env('TFC_AWS_PROVIDER_AUTH', 'true')
    const both = asking(on, env('TFC_AWS_PLAN_ROLE_ARN', 'arn:plan'), env('TFC_AWS_APPLY_ROLE_ARN', 'arn:apply'))

    const { applied } = await planAndApply(place, printed(['AWS_ROLE_ARN']), both)
    const without = await plan(place, files(''), asking(on, env('TFC_AWS_APPLY_ROLE_ARN', 'arn:apply')))

    expect(valuesIn(applied.logText).AWS_ROLE_ARN).to.equal('arn:apply')
    expect(without.result).to.deep.equal({
      outcome: 'errored',
      reason: 'Set the environment variable TFC_AWS_RUN_ROLE_ARN.',
    })
  })

  it('Google, Azure, Kubernetes and whoever reads a token as such get what they look for', async () => {
    const names = ['GOOGLE_CREDENTIALS', 'ARM_CLIENT_ID', 'ARM_USE_OIDC', 'ARM_OIDC_TOKEN', 'KUBE_TOKEN']
    const { planned, applied } = await planAndApply(
      place,
      files(`
variable "tfc_gcp_dynamic_credentials" {
  type = object({ default = object({ credentials = string }), aliases = map(object({ credentials = string })) })
}
output "google" {
  value = jsondecode(file(var.tfc_gcp_dynamic_credentials.default.credentials))
}
${printed([...names, 'TFC_WORKLOAD_IDENTITY_TOKEN', 'TFC_WORKLOAD_IDENTITY_TOKEN_TWO'])['main.tf']}`),
      asking(
        env('TFC_GCP_PROVIDER_AUTH', 'true'),
        env('TFC_GCP_RUN_SERVICE_ACCOUNT_EMAIL', 'runs@acme.example'),
        env('TFC_GCP_WORKLOAD_PROVIDER_NAME', 'projects/1/locations/global/workloadIdentityPools/p/providers/q'),
        env('TFC_AZURE_PROVIDER_AUTH', 'true'),
        env('TFC_AZURE_RUN_CLIENT_ID', 'client'),
        env('TFC_KUBERNETES_PROVIDER_AUTH', 'true'),
        env('TFC_WORKLOAD_IDENTITY_AUDIENCE', 'x'),
        env('TFC_WORKLOAD_IDENTITY_AUDIENCE_TWO', 'y'),
      ),
    )

    expect(applied.result.outcome, planned.logText + applied.logText).to.equal('finished')
    const seen = valuesIn(applied.logText)
    expect(seen).to.include({
      ARM_CLIENT_ID: 'client',
      ARM_USE_OIDC: 'true',
      ARM_OIDC_TOKEN: tokenOf('azure'),
      KUBE_TOKEN: tokenOf('kubernetes'),
      TFC_WORKLOAD_IDENTITY_TOKEN: tokenOf('token'),
      TFC_WORKLOAD_IDENTITY_TOKEN_TWO: tokenOf('token-TWO'),
    })
    expect(lastState(applied).outputs.google.value).to.deep.include({
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
      credential_source: {
        file: seen.GOOGLE_CREDENTIALS!.replace('-credentials.json', '-token'),
        format: { type: 'text' },
      },
    })
  })

  it('a token that a provisioner prints is masked in the log, and so is one of Vault', async () => {
    const vault = await startReceiver((request, response) => {
      const body = { auth: { client_token: tokenOf('of-vault'), lease_duration: 0, renewable: false } }
      response.end(request.path.endsWith('/login') ? JSON.stringify(body) : '{}')
    })
    const { planned, applied } = await planAndApply(
      place,
      files(`resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "env; cat $TFC_WORKLOAD_IDENTITY_TOKEN_PATH"
  }
}`),
      asking(
        env('TFC_WORKLOAD_IDENTITY_AUDIENCE', 'x'),
        env('TFC_VAULT_PROVIDER_AUTH', 'true'),
        env('TFC_VAULT_ADDR', vault.url),
        env('TFC_VAULT_RUN_ROLE', 'reader'),
      ),
    )
    await vault.stop()

    expect(applied.result.outcome, planned.logText + applied.logText).to.equal('finished')
    expect(applied.logText).to.include('TFC_WORKLOAD_IDENTITY_TOKEN=(sensitive value)')
    expect(applied.logText).to.include('VAULT_TOKEN=(sensitive value)')
    for (const name of ['token', 'vault', 'of-vault']) expect(applied.logText).to.not.include(tokenOf(name))
  })

  it('Vault is asked for a token once in each phase, with its own role, and takes it back at the end', async () => {
    const vault = await startReceiver((request, response) => {
      response.end(request.path.endsWith('/login') ? JSON.stringify({ auth: { client_token: tokenOf('s') } }) : '{}')
    })
    const { planned, applied } = await planAndApply(
      place,
      printed(['VAULT_TOKEN', 'VAULT_ADDR', 'VAULT_NAMESPACE']),
      asking(
        env('TFC_VAULT_PROVIDER_AUTH', 'true'),
        env('TFC_VAULT_ADDR', `${vault.url}/`),
        env('TFC_VAULT_NAMESPACE', 'team/one'),
        env('TFC_VAULT_AUTH_PATH', 'jwt-tofutf'),
        env('TFC_VAULT_PLAN_ROLE', 'reader'),
        env('TFC_VAULT_APPLY_ROLE', 'writer'),
      ),
    )
    await vault.stop()

    expect(applied.result.outcome, planned.logText + applied.logText).to.equal('finished')
    expect(valuesIn(applied.logText)).to.include({
      VAULT_TOKEN: tokenOf('s'),
      VAULT_ADDR: vault.url,
      VAULT_NAMESPACE: 'team/one',
    })
    const calls = vault.received.map(({ path, json, headers }) => [
      path,
      json.role ?? headers['x-vault-token'],
      headers['x-vault-namespace'],
    ])
    const [login, revoke] = ['/v1/auth/jwt-tofutf/login', '/v1/auth/token/revoke-self']
    expect(calls).to.deep.equal([
      [login, 'reader', 'team/one'],
      [revoke, tokenOf('s'), 'team/one'],
      [login, 'writer', 'team/one'],
      [revoke, tokenOf('s'), 'team/one'],
    ])
    expect(vault.received[0]!.json.jwt).to.equal(tokenOf('vault'))
  })

  it("Vault's refusal is told without the token, and an address that is not allowed is never asked", async () => {
    const vault = await startReceiver((_, response) => {
      response.statusCode = 400
      response.end(JSON.stringify({ errors: ['role "reader" could not be found'] }))
    })
    const asked = asking(
      env('TFC_VAULT_PROVIDER_AUTH', 'true'),
      env('TFC_VAULT_ADDR', vault.url),
      env('TFC_VAULT_RUN_ROLE', 'reader'),
    )
    const strict = { ...place, config: { ...place.config, outboundAllow: [] } }

    const refused = await plan(place, files(''), asked)
    const calls = vault.received.length
    const guarded = await plan(strict, files(''), asked)
    await vault.stop()

    expect(refused.result).to.deep.equal({
      outcome: 'errored',
      reason: 'Vault refused the login of TFC_VAULT_RUN_ROLE: role "reader" could not be found',
    })
    expect(guarded.result)
      .to.have.property('reason')
      .that.matches(/TOFUTF_OUTBOUND_ALLOW/)
    expect(vault.received).to.have.length(calls)
  })
})
