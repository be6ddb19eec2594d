import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { normalizeKey } from '../ssh-keys/ssh-keys.ts'

/** Connections to Git hosts: their address and credentials, which are sealed and never shown. */
export const serviceProviders = {
  ado_server: 'Azure DevOps Server',
  ado_services: 'Azure DevOps Services',
  bitbucket_data_center: 'Bitbucket Data Center',
  bitbucket_hosted: 'Bitbucket Cloud',
  bitbucket_server: 'Bitbucket Server',
  bitbucket_server_legacy: 'Bitbucket Server Legacy',
  github: 'GitHub',
  github_enterprise: 'GitHub Enterprise',
  gitlab_hosted: 'GitLab.com',
  gitlab_community_edition: 'GitLab Community Edition',
  gitlab_enterprise_edition: 'GitLab Enterprise Edition',
} as const
export type ServiceProvider = keyof typeof serviceProviders
export const serviceProviderNames = Object.keys(serviceProviders) as [ServiceProvider, ...ServiceProvider[]]

const ClientRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  name: z.string().nullable(),
  service_provider: z.enum(serviceProviderNames),
  http_url: z.string(),
  api_url: z.string(),
  key: z.string().nullable(),
  rsa_public_key: z.string().nullable(),
  organization_scoped: z.boolean(),
  agent_pool_id: z.string().nullable(),
  created_at: z.date(),
  token_ids: z.array(z.string()),
  project_ids: z.array(z.string()),
})
export type OAuthClient = z.output<typeof ClientRow>

const columns = sql.fragment`
  c.id, c.organization_id, o.name as organization_name, c.name, c.service_provider, c.http_url, c.api_url, c.key,
  c.rsa_public_key, c.organization_scoped, c.agent_pool_id, c.created_at,
  array(select t.id from oauth_tokens t where t.oauth_client_id = c.id order by t.created_at, t.id) as token_ids,
  array(select p.project_id from oauth_client_projects p where p.oauth_client_id = c.id order by p.project_id) as project_ids`
const from = sql.fragment`
  from oauth_clients c
  join organizations o on o.id = c.organization_id and o.deleted_at is null`

export async function selectOAuthClientsPage(tx: Tx, organizationId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(ClientRow.extend({ total_count: z.number() }))`
    select ${columns}, count(*) over ()::int as total_count ${from}
    where c.organization_id = ${organizationId}
    order by c.created_at, c.id
    limit ${page.size} offset ${page.offset}`)
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}

export const selectOptionalOAuthClient = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ClientRow)`
    select ${columns} ${from}
    where c.id = ${id}`)

/** Clients by id, in no order; for includes. */
export const selectOAuthClients = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(ClientRow)`
    select ${columns} ${from}
    where c.id = any(${sql.array([...ids], 'text')})`)

export interface OAuthClientInput {
  name: string | null
  serviceProvider: ServiceProvider
  httpUrl: string
  apiUrl: string
  key: string | null
  secret: string | null
  rsaPublicKey: string | null
  organizationScoped: boolean
  agentPoolId: string | null
  /** a token that the Git host gave; the client then has its first OAuth token at once */
  token: string | null
  /** an SSH key for Git, of hosts that need one beside the token */
  privateKey: string | null
  projectIds: readonly string[]
}

/** @throws problem 'invalid_attribute' */
export async function insertOAuthClient(app: App, tx: Tx, organizationId: string, input: OAuthClientInput) {
  const id = newId('oc')
  await requirePool(tx, organizationId, input.agentPoolId)
  const secret = input.secret ? app.secrets.seal(input.secret, `oauth_clients.secret:${id}`) : null
  await tx.query(sql.void`
    insert into oauth_clients (id, organization_id, name, service_provider, http_url, api_url, key, secret,
      rsa_public_key, organization_scoped, agent_pool_id)
    values (${id}, ${organizationId}, ${input.name}, ${input.serviceProvider}, ${input.httpUrl}, ${input.apiUrl},
      ${input.key}, ${secret ? sql.binary(secret) : null}, ${input.rsaPublicKey}, ${input.organizationScoped},
      ${input.agentPoolId})`)
  if (input.token) await insertOAuthToken(app, tx, id, input.token, input.privateKey)
  await addProjects(tx, { id, organization_id: organizationId }, input.projectIds)
  return (await selectOptionalOAuthClient(tx, id))!
}

async function insertOAuthToken(app: App, tx: Tx, clientId: string, token: string, sshKey: string | null) {
  const id = newId('ot')
  const sealed = app.secrets.seal(token, `oauth_tokens.token:${id}`)
  const key = sshKey ? app.secrets.seal(normalizeKey(sshKey), `oauth_tokens.ssh_key:${id}`) : null
  await tx.query(sql.void`
    insert into oauth_tokens (id, oauth_client_id, uid, token, ssh_key)
    values (${id}, ${clientId}, ${randomUUID()}, ${sql.binary(sealed)}, ${key ? sql.binary(key) : null})`)
}

export interface OAuthClientChange {
  name?: string | null | undefined
  key?: string | null | undefined
  secret?: string | undefined
  rsaPublicKey?: string | null | undefined
  organizationScoped?: boolean | undefined
  agentPoolId?: string | null | undefined
  token?: string | undefined
}

/** @throws problem 'invalid_attribute' */
export async function updateOAuthClient(app: App, tx: Tx, client: OAuthClient, change: OAuthClientChange) {
  const pool = change.agentPoolId === undefined ? client.agent_pool_id : change.agentPoolId
  await requirePool(tx, client.organization_id, pool)
  const secret = change.secret ? app.secrets.seal(change.secret, `oauth_clients.secret:${client.id}`) : null
  await tx.query(sql.void`
    update oauth_clients
    set name = ${change.name === undefined ? client.name : change.name},
      key = ${change.key === undefined ? client.key : change.key},
      secret = coalesce(${secret ? sql.binary(secret) : null}, secret),
      rsa_public_key = ${change.rsaPublicKey === undefined ? client.rsa_public_key : change.rsaPublicKey},
      organization_scoped = ${change.organizationScoped ?? client.organization_scoped},
      agent_pool_id = ${pool}
    where id = ${client.id}`)
  if (change.token) {
    await tx.query(sql.void`delete from oauth_tokens where oauth_client_id = ${client.id}`)
    await insertOAuthToken(app, tx, client.id, change.token, null)
  }
  return (await selectOptionalOAuthClient(tx, client.id))!
}

async function requirePool(tx: Tx, organizationId: string, poolId: string | null): Promise<void> {
  if (!poolId) return
  const found = await tx.maybeOne(sql.type(z.object({ id: z.string() }))`
    select id
    from agent_pools
    where id = ${poolId} and organization_id = ${organizationId}`)
  if (!found) throw invalid('agent-pool', 'the provided agent pool does not exist or you are not authorized to use it')
}

export const deleteOAuthClient = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from oauth_clients
    where id = ${id}`)

/** @throws problem 'invalid_attribute' when one of them is not a project of the organization */
export async function addProjects(
  tx: Tx,
  client: Pick<OAuthClient, 'id' | 'organization_id'>,
  ids: readonly string[],
): Promise<void> {
  const wanted = [...new Set(ids)]
  const found = await tx.any(sql.type(z.object({ id: z.string() }))`
    select id
    from projects
    where organization_id = ${client.organization_id} and id = any(${sql.array(wanted, 'text')})`)
  const missing = wanted.find((id) => !found.some((row) => row.id === id))
  if (missing) throw invalid('projects', `Project ${missing} does not exist in this organization`)
  await tx.query(sql.void`
    insert into oauth_client_projects (oauth_client_id, project_id)
    select ${client.id}, id
    from unnest(${sql.array(wanted, 'text')}) as id
    on conflict do nothing`)
}

export const removeProjects = (tx: Tx, client: Pick<OAuthClient, 'id'>, ids: readonly string[]) =>
  tx.query(sql.void`
    delete from oauth_client_projects
    where oauth_client_id = ${client.id} and project_id = any(${sql.array([...ids], 'text')})`)
