// Source: https://openid.net/specs/openid-connect-discovery-1_0.html; the paths are HCP's.
import { publishedKeys } from '../../shared/identity/keys.ts'
import { Routes } from '../route.ts'

/** What clouds and Vault read to believe a workload identity token: the same for everybody, whatever host they ask by. */
export const identityDiscovery = new Routes('/.well-known')

identityDiscovery.get('/openid-configuration', { action: 'public:read' }, async ({ app, koa }) => {
  const issuer = app.config.url
  koa.type = 'application/json'
  koa.body = JSON.stringify({
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid'],
    claims_supported: [
      'sub',
      'aud',
      'exp',
      'iat',
      'iss',
      'jti',
      'nbf',
      'terraform_run_phase',
      'terraform_run_id',
      'terraform_workspace_id',
      'terraform_workspace_name',
      'terraform_full_workspace',
      'terraform_organization_id',
      'terraform_organization_name',
      'terraform_project_id',
      'terraform_project_name',
    ],
  })
})

identityDiscovery.get('/jwks', { action: 'public:read' }, async ({ app, koa }) => {
  const keys = (await publishedKeys(app)).map(({ createdAt: _, ...key }) => key)
  koa.type = 'application/json'
  koa.body = JSON.stringify({ keys })
})
