import { type OAuthClient, selectOAuthClients, serviceProviders } from '../../shared/oauth-clients/clients.ts'
import type { OAuthToken } from '../../shared/oauth-clients/tokens.ts'
import { selectProjects } from '../../shared/projects/queries.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'
import { project } from '../projects/json.ts'

export const oauthClient = defineResource<OAuthClient>({
  type: 'oauth-clients',
  id: (c) => c.id,
  attributes: (c, { origin }) => ({
    name: c.name,
    'created-at': c.created_at,
    'service-provider': c.service_provider,
    'service-provider-display-name': serviceProviders[c.service_provider],
    'http-url': c.http_url,
    'api-url': c.api_url,
    'callback-url': `${origin}/auth/${c.id}/callback`,
    'connect-path': null,
    key: c.key,
    'rsa-public-key': c.rsa_public_key,
    'organization-scoped': c.organization_scoped,
  }),
  relationships: (c) => ({
    organization: toOne('organizations', c.organization_name),
    'oauth-tokens': toMany('oauth-tokens', c.token_ids),
    projects: toMany('projects', c.project_ids),
    'agent-pool': toOne('agent-pools', c.agent_pool_id),
  }),
  links: (c) => ({ self: `/api/v2/oauth-clients/${c.id}` }),
  includes: {
    projects: async (rows, { app }) => ({
      resource: project,
      rows: await selectProjects(
        app.db,
        rows.flatMap((c) => c.project_ids),
      ),
    }),
    'oauth-tokens': async () => [],
  },
})

export const oauthToken = defineResource<OAuthToken>({
  type: 'oauth-tokens',
  id: (t) => t.id,
  attributes: (t) => ({
    uid: t.uid,
    'created-at': t.created_at,
    'service-provider-user': t.service_provider_user,
    'has-ssh-key': t.has_ssh_key,
  }),
  relationships: (t) => ({ 'oauth-client': toOne('oauth-clients', t.oauth_client_id) }),
  links: (t) => ({ self: `/api/v2/oauth-tokens/${t.id}` }),
  includes: {
    'oauth-client': async (rows, { app }) => ({
      resource: oauthClient,
      rows: await selectOAuthClients(
        app.db,
        rows.map((t) => t.oauth_client_id),
      ),
    }),
  },
})
