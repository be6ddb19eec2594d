import { expect } from 'chai'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { askedIdentities, identityName } from '../../shared/identity/asked.ts'
import { ClaimLost } from '../../shared/phase.ts'
import { finishPhase } from '../../shared/runs/hold.ts'
import { phaseWork, withIdentity } from '../../shared/runs/work.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { variable } from '../execute/phases.ts'
import { startRun } from '../support/configurations.ts'
import { makeMember, makeOrganization } from '../support/people.ts'
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts'
import { finished, makeRunnable, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

type Organization = Awaited<ReturnType<typeof makeOrganization>>
const audience = 'my-cloud'
const env = (key: string, value: string) => variable(key, value, { category: 'env' })

describe('workload identity', function () {
  this.timeout(60_000)
  let server: TestServer
  let organization: Organization
  const parties: RelyingParty[] = []

  before(async () => {
    server = await startServer()
    server.app.config.url = server.url
    organization = await makeOrganization(server)
  })
  afterEach(async () => {
    for (const party of parties.splice(0)) await party.stop()
  })
  after(() => server?.stop())

  const relyingParty = async (subject: RegExp): Promise<RelyingParty> => {
    const party = await startRelyingParty({ issuer: server.url, audience, subject })
    parties.push(party)
    return party
  }
  const makeAsking = async () => {
    const made = await makeRunnable(server, organization.name)
    const key = 'TFC_WORKLOAD_IDENTITY_AUDIENCE'
    await server.api.post(`/workspaces/${made.workspaceId}/vars`, document({ key, value: audience, category: 'env' }))
    return { ...made, runId: await startRun(server.api, made.workspaceId, {}, made.configurationId) }
  }
  /** As a worker: takes the phase, then gets its work. */
  const begin = async (runId: string, phase: 'plan' | 'apply') => {
    const claim = await take(server, runId, phase)
    const work = await withIdentity(server.app, claim, await phaseWork(server.app, claim, server.url))
    return { claim, token: work.identityTokens.token! }
  }

  it('SEC-38: the tokens of plan and apply name organization, project, workspace, run and phase, and end with it', async () => {
    await server.api.patch(`/organizations/${organization.name}`, document({ 'plan-timeout': 30, 'apply-timeout': 45 }))
    const { runId, workspaceId, name } = await makeAsking()

    const plan = await begin(runId, 'plan')
    await finishPhase(server.app, plan.claim, finished())
    await server.api.post(`/runs/${runId}/actions/apply`)
    const apply = await begin(runId, 'apply')

    for (const [phase, token, minutes] of [
      ['plan', plan.token, 30],
      ['apply', apply.token, 45],
    ] as const) {
      const claims = decodeJwt(token)
      const full = `organization:${organization.name}:project:Default Project:workspace:${name}`
      expect(claims).to.deep.include({
        iss: server.url,
        aud: audience,
        sub: `${full}:run_phase:${phase}`,
        terraform_run_phase: phase,
        terraform_run_id: runId,
        terraform_workspace_id: workspaceId,
        terraform_workspace_name: name,
        terraform_full_workspace: full,
        terraform_organization_id: organization.id,
        terraform_organization_name: organization.name,
        terraform_project_id: organization.projectId,
        terraform_project_name: 'Default Project',
      })
      const { data } = (await server.api.get(`/runs/${runId}`)).json
      const startedAt = Date.parse(
        data.attributes['status-timestamps'][phase === 'plan' ? 'planning-at' : 'applying-at'],
      )
      expect(claims.exp! * 1000).to.be.at.most(startedAt + minutes * 60_000 + 1000)
      expect(claims.exp!).to.be.greaterThan(claims.iat!)
      expect(claims.nbf!).to.be.at.most(claims.iat!)
    }
    expect(decodeJwt(plan.token).jti).to.not.equal(decodeJwt(apply.token).jti)
  })

  it('SEC-39: the keys are RSA of 2048 bits in base64url without padding, under the kid that tokens name', async () => {
    const { token } = await begin((await makeAsking()).runId, 'plan')

    const { keys } = (await server.as(null).get('/.well-known/jwks')).json

    for (const key of keys) {
      expect(key).to.have.all.keys('kty', 'use', 'alg', 'kid', 'n', 'e')
      for (const part of [key.n, key.e]) expect(part).to.match(/^[A-Za-z0-9_-]+$/)
      const n = Buffer.from(key.n, 'base64url')
      expect(n).to.have.length(256)
      expect(n[0]).to.be.at.least(0x80)
      expect(Buffer.from(key.e, 'base64url')).to.deep.equal(Buffer.from([1, 0, 1]))
    }
    expect(decodeProtectedHeader(token)).to.deep.equal({ typ: 'JWT', alg: 'RS256', kid: keys[0].kid })
  })

  it('SEC-40: who trusts applies refuses the token of the plan; the token of the apply comes with its start', async () => {
    const cloud = await relyingParty(/:run_phase:apply$/)
    const { runId } = await makeAsking()
    const plan = await begin(runId, 'plan')
    const early = await withIdentity(
      server.app,
      { ...plan.claim, phase: 'apply' },
      await phaseWork(server.app, plan.claim, server.url),
    ).then(
      () => 'issued',
      (error: Error) => error,
    )
    await finishPhase(server.app, plan.claim, finished())
    const done = await withIdentity(server.app, plan.claim, await phaseWork(server.app, plan.claim, server.url)).then(
      () => 'issued',
      (error: Error) => error,
    )
    await server.api.post(`/runs/${runId}/actions/apply`)
    const unbegun = await phaseWork(server.app, { runId, phase: 'apply' }, server.url)
    const apply = await begin(runId, 'apply')

    expect(early).to.be.instanceOf(ClaimLost)
    expect(done).to.be.instanceOf(ClaimLost)
    expect(unbegun.identityTokens).to.deep.equal({})
    expect(await cloud.verify(plan.token)).to.equal(false)
    expect(cloud.refused[0]).to.match(/run_phase:plan is not trusted/)
    expect(await cloud.verify(apply.token), cloud.refused.join()).to.equal(true)
  })

  it('SEC-18: no other token gets one: only the holder of the phase does', async () => {
    const { runId, workspaceId } = await makeAsking()
    const { claim } = await begin(runId, 'plan')
    const member = await makeMember(server, organization, { workspaces: { [workspaceId]: 'plan' } })
    const other = await makeAsking()
    const { phaseId } = await take(server, other.runId, 'plan')
    const otherJob = await insertToken(server.app.db, { kind: 'phase', phaseId, description: 'another job' })
    const pool = await server.api.post(`/organizations/${organization.name}/agent-pools`, document({ name: 'p' }))
    const path = `/agent-pools/${pool.json.data.id}/authentication-tokens`
    const agent = (await server.api.post(path, document({ description: 'x' }))).json.data.attributes.token

    for (const api of [member.api, member.teamApi, server.as(otherJob.token), server.as(agent), server.as(null)]) {
      for (const [method, path] of [
        ['POST', '/api/agent/v1/agents/agent-0000000000000000/start'],
        ['POST', `/api/agent/v1/phases/${claim.phaseId}/heartbeat`],
        ['GET', `/api/agent/v1/phases/${claim.phaseId}/configuration`],
        ['POST', `/api/v2/runs/${runId}/actions/identity-token`],
        ['POST', `/api/v2/plans/${claim.phaseId}/actions/identity-token`],
      ] as const) {
        const answer = await api(method, path, method === 'POST' ? {} : undefined)
        expect(answer.status, `${method} ${path}`).to.be.oneOf([401, 403, 404])
        expect(answer.text).to.not.include('eyJ')
      }
    }
  })

  it('a workspace that asks for none gets none', async () => {
    const { workspaceId, configurationId } = await makeRunnable(server, organization.name)
    const claim = await take(server, await startRun(server.api, workspaceId, {}, configurationId), 'plan')

    const work = await withIdentity(server.app, claim, await phaseWork(server.app, claim, server.url))

    expect(work.identityTokens).to.deep.equal({})
  })

  it('a rotated key signs from then on; what the former one signed is believed until it is trimmed', async () => {
    const cloud = await relyingParty(/./)
    const keyIds = async () =>
      (await server.api.get('/.well-known/jwks')).json.keys.map((key: { kid: string }) => key.kid) as string[]
    const { token } = await begin((await makeAsking()).runId, 'plan')
    const before = await keyIds()

    const rotated = await server.api.post('/admin/oidc-settings/actions/rotate-key')
    const both = await keyIds()
    const stillBelieved = await cloud.verify(token)
    const next = await begin((await makeAsking()).runId, 'plan')
    const trimmed = await server.api.post('/admin/oidc-settings/actions/trim-key')

    expect([rotated.status, trimmed.status]).to.deep.equal([204, 204])
    expect(both).to.have.length(before.length + 1)
    expect(stillBelieved, cloud.refused.join()).to.equal(true)
    expect(decodeProtectedHeader(next.token).kid).to.equal(both[0])
    expect(await keyIds()).to.deep.equal([both[0]])
    expect(await cloud.verify(token)).to.equal(false)
    expect(await cloud.verify(next.token), cloud.refused.join()).to.equal(true)
  })

  it('a key that is asked for by several at once for the first time is made once', async () => {
    const fresh = await startServer()
    try {
      const answers = await Promise.all(Array.from({ length: 4 }, () => fresh.as(null).get('/.well-known/jwks')))

      expect(new Set(answers.map((answer) => answer.text)).size).to.equal(1)
      expect(answers[0]!.json.keys).to.have.length(1)
    } finally {
      await fresh.stop()
    }
  })

  it('only a site admin rotates keys', async () => {
    const { api } = await makeMember(server, organization)

    for (const name of ['rotate-key', 'trim-key'])
      expect((await api.post(`/admin/oidc-settings/actions/${name}`)).status).to.equal(404)
  })

  it('the discovery document names issuer, keys and algorithm, whoever asks', async () => {
    const answer = await server.as('wrong-token').get('/.well-known/openid-configuration')

    expect(answer.status).to.equal(200)
    expect(answer.headers.get('content-type')).to.match(/^application\/json/)
    expect(answer.json).to.deep.include({
      issuer: server.url,
      jwks_uri: `${server.url}/.well-known/jwks`,
      id_token_signing_alg_values_supported: ['RS256'],
    })
  })
})

describe('what variables ask for', () => {
  const asked = (...variables: ReturnType<typeof env>[]) =>
    Object.fromEntries(askedIdentities(variables).map((one) => [identityName(one), one.audience]))

  it('is one token for each audience, and for each provider that is switched on', () => {
    expect(
      asked(
        env('TFC_WORKLOAD_IDENTITY_AUDIENCE', 'a'),
        env('TFC_WORKLOAD_IDENTITY_AUDIENCE_TWO', 'b'),
        env('TFC_WORKLOAD_IDENTITY_AUDIENCE_TYPE', 'reserved'),
        env('TFC_AWS_PROVIDER_AUTH', 'true'),
        env('TFC_AZURE_PROVIDER_AUTH', 'true'),
        env('TFC_AZURE_WORKLOAD_IDENTITY_AUDIENCE', 'mine'),
        env('TFC_VAULT_PROVIDER_AUTH', 'false'),
        env('TFC_KUBERNETES_PROVIDER_AUTH', 'true'),
      ),
    ).to.deep.equal({
      token: 'a',
      'token-TWO': 'b',
      aws: 'aws.workload.identity',
      azure: 'mine',
      kubernetes: 'kubernetes',
    })
  })

  it('has tags, whose settings are their own or the common default, never those of the one without a tag', () => {
    const all = askedIdentities([
      env('TFC_AWS_PROVIDER_AUTH_PROD', 'true'),
      env('TFC_AWS_RUN_ROLE_ARN', 'untagged'),
      env('TFC_DEFAULT_AWS_PLAN_ROLE_ARN', 'common'),
      env('TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE_PROD', 'prod'),
    ])

    expect(all).to.have.length(1)
    expect([all[0]!.audience, all[0]!.setting('RUN_ROLE_ARN'), all[0]!.setting('PLAN_ROLE_ARN')]).to.deep.equal([
      'prod',
      undefined,
      'common',
    ])
  })

  it('for Google is the provider itself, named in one piece or three', () => {
    const name = 'projects/12/locations/global/workloadIdentityPools/pool/providers/prov'
    const on = env('TFC_GCP_PROVIDER_AUTH', 'true')

    expect(asked(on, env('TFC_GCP_WORKLOAD_PROVIDER_NAME', name))).to.deep.equal({
      gcp: `//iam.googleapis.com/${name}`,
    })
    expect(
      asked(
        on,
        env('TFC_GCP_PROJECT_NUMBER', '12'),
        env('TFC_GCP_WORKLOAD_POOL_ID', 'pool'),
        env('TFC_GCP_WORKLOAD_PROVIDER_ID', 'prov'),
      ),
    ).to.deep.equal({ gcp: `//iam.googleapis.com/${name}` })
  })

  it('is asked by environment variables only', () => {
    expect(asked(variable('TFC_WORKLOAD_IDENTITY_AUDIENCE', 'a'))).to.deep.equal({})
  })
})
