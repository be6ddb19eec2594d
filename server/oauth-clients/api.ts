// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/oauth-clients and …/oauth-tokens
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import {
  addProjects,
  deleteOAuthClient,
  insertOAuthClient,
  type OAuthClient,
  removeProjects,
  selectOAuthClientsPage,
  selectOptionalOAuthClient,
  serviceProviderNames,
  updateOAuthClient,
} from '../../shared/oauth-clients/clients.ts'
import {
  deleteOAuthToken,
  type OAuthToken,
  selectOAuthTokensPage,
  selectOptionalOAuthToken,
  setOAuthTokenKey,
} from '../../shared/oauth-clients/tokens.ts'
import { isPrivateKey } from '../../shared/ssh-keys/ssh-keys.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { oauthClient, oauthToken } from './json.ts'

export const oauthClients = new Routes('/api/v2')

const inOrganization = '/organizations/:organization_name/oauth-clients'
const byId = '/oauth-clients/:oauth_client_id'
const tokenById = '/oauth-tokens/:oauth_token_id'

async function client(ctx: Context): Promise<Subject & { client: OAuthClient }> {
  const found = await selectOptionalOAuthClient(ctx.app.db, ctx.params.oauth_client_id!)
  if (!found) throw problem('not_found')
  return { client: found, scope: { organizationId: found.organization_id } }
}

async function token(ctx: Context): Promise<Subject & { token: OAuthToken }> {
  const found = await selectOptionalOAuthToken(ctx.app.db, ctx.params.oauth_token_id!)
  if (!found) throw problem('not_found')
  return { token: found, scope: { organizationId: found.organization_id } }
}

const text = z.string().max(2000).nullish()
const key = z.string().max(65_536).nullish()
const url = z.url({ protocol: /^https?$/, error: 'is not an address' }).max(2000)

const Update = z.object({
  name: text,
  key: text,
  secret: key,
  'rsa-public-key': key,
  'oauth-token-string': text,
  'organization-scoped': z.boolean().nullish(),
})
const Create = Update.extend({
  'service-provider': z.enum(serviceProviderNames, 'is not a known service provider'),
  'http-url': url,
  'api-url': url,
  'private-key': key,
})

oauthClients.get(inOrganization, { action: 'oauth-client:read', subject: organizationByName }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectOAuthClientsPage(ctx.app.db, ctx.subject.organization.id, page)
  return many(oauthClient, rows, ctx, { page, totalCount })
})

oauthClients.post(
  inOrganization,
  { action: 'oauth-client:manage', subject: organizationByName, attributes: Create, answers: 201 },
  async (ctx) => {
    const { app, input, subject } = ctx
    const a = input.attributes
    if (a['private-key'] && a['service-provider'] !== 'ado_server')
      throw invalid('private-key', 'Private key can only be present with Azure DevOps Server service provider')
    const made = await app.db.transaction((tx) =>
      insertOAuthClient(app, tx, subject.organization.id, {
        name: a.name ?? null,
        serviceProvider: a['service-provider'],
        httpUrl: a['http-url'],
        apiUrl: a['api-url'],
        key: a.key ?? null,
        secret: a.secret ?? null,
        rsaPublicKey: a['rsa-public-key'] ?? null,
        organizationScoped: a['organization-scoped'] ?? true,
        agentPoolId: input.relatedId('agent-pool') ?? null,
        token: a['oauth-token-string'] ?? null,
        privateKey: a['private-key'] ?? null,
        projectIds: input.relatedList('projects')?.flatMap(({ id }) => id ?? []) ?? [],
      }),
    )
    return one(oauthClient, made, ctx)
  },
)

oauthClients.get(byId, { action: 'oauth-client:read', subject: client }, (ctx) =>
  one(oauthClient, ctx.subject.client, ctx),
)

oauthClients.patch(byId, { action: 'oauth-client:manage', subject: client, attributes: Update }, async (ctx) => {
  const { app, input, subject } = ctx
  const a = input.attributes
  const isDataCenter = subject.client.service_provider === 'bitbucket_data_center'
  if (isDataCenter && (a.key === '' || a.key === null))
    throw invalid('key', 'The Consumer Key for Bitbucket Data Center must be present. Please add a value for `key`.')
  const changed = await app.db.transaction((tx) =>
    updateOAuthClient(app, tx, subject.client, {
      name: a.name,
      key: a.key,
      secret: a.secret ?? undefined,
      rsaPublicKey: a['rsa-public-key'],
      organizationScoped: a['organization-scoped'] ?? undefined,
      agentPoolId: input.relatedId('agent-pool'),
      token: a['oauth-token-string'] ?? undefined,
    }),
  )
  return one(oauthClient, changed, ctx)
})

oauthClients.delete(byId, { action: 'oauth-client:manage', subject: client }, async (ctx) => {
  await deleteOAuthClient(ctx.app.db, ctx.subject.client.id)
})

const Projects = z
  .array(z.object({ id: z.string() }))
  .min(1)
  .max(1000)

for (const [method, change] of [
  ['post', addProjects],
  ['delete', removeProjects],
] as const) {
  oauthClients[method](
    `${byId}/relationships/projects`,
    { action: 'oauth-client:manage', subject: client, plainBody: true, answers: 204 },
    async (ctx) => {
      const parsed = Projects.safeParse(ctx.input.data)
      if (!parsed.success) throw problem('bad_request', 'A list of at most 1000 projects with their ids is expected.')
      const ids = parsed.data.map((p) => p.id)
      await ctx.app.db.transaction(async (tx) => {
        await change(tx, ctx.subject.client, ids)
      })
    },
  )
}

oauthClients.get(
  '/organizations/:organization_name/oauth-tokens',
  { action: 'oauth-client:read', subject: organizationByName },
  async (ctx) => {
    const page = pageOf(ctx)
    const of = { organizationId: ctx.subject.organization.id }
    const { rows, totalCount } = await selectOAuthTokensPage(ctx.app.db, of, page)
    return many(oauthToken, rows, ctx, { page, totalCount })
  },
)

oauthClients.get(`${byId}/oauth-tokens`, { action: 'oauth-client:read', subject: client }, async (ctx) => {
  const page = pageOf(ctx)
  const { organization_id, id } = ctx.subject.client
  const of = { organizationId: organization_id, clientId: id }
  const { rows, totalCount } = await selectOAuthTokensPage(ctx.app.db, of, page)
  return many(oauthToken, rows, ctx, { page, totalCount })
})

oauthClients.get(tokenById, { action: 'oauth-client:read', subject: token }, (ctx) =>
  one(oauthToken, ctx.subject.token, ctx),
)

oauthClients.patch(
  tokenById,
  {
    action: 'oauth-client:manage',
    subject: token,
    attributes: z.object({ 'ssh-key': z.string().max(65_536).optional() }),
  },
  async (ctx) => {
    const { app, subject, input } = ctx
    const given = input.attributes['ssh-key']
    if (given === undefined) return one(oauthToken, subject.token, ctx)
    if (!isPrivateKey(given)) throw invalid('ssh-key', 'Ssh key is invalid')
    return one(oauthToken, await setOAuthTokenKey(app, app.db, subject.token.id, given), ctx)
  },
)

oauthClients.delete(tokenById, { action: 'oauth-client:manage', subject: token }, async (ctx) => {
  await deleteOAuthToken(ctx.app.db, ctx.subject.token.id)
})
