import { Routes } from './route.ts'

// Source: shared/api/cli-protocol.md 1 and 2.1.
export const discovery = new Routes()

const services = {
  'tfe.v2': '/api/v2/',
  'tfe.v2.1': '/api/v2/',
  'tfe.v2.2': '/api/v2/',
  'state.v2': '/api/v2/',
  'modules.v1': '/api/registry/v1/modules/',
  'providers.v1': '/api/registry/v1/providers/',
  'login.v1': {
    client: 'terraform-cli',
    grant_types: ['authz_code'],
    authz: '/oauth/authorize',
    token: '/oauth/token',
    ports: [10000, 10010],
  },
}

discovery.get('/.well-known/terraform.json', { action: 'public:read' }, async ({ koa }) => {
  koa.type = 'application/json'
  koa.body = JSON.stringify(services)
})

// Only the headers are read (middleware/headers.ts); any status passes.
discovery.get('/api/v2/ping', { action: 'public:read' }, async () => {})
