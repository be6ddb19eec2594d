import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'

/** Other places where people sign in. The kind decides how one talks to it and what is usual there. */
export const providerKinds = {
  oidc: { name: 'OpenID Connect', url: '', scopes: 'openid profile email', groupsClaim: 'groups', prefix: '' },
  // anybody can make a group of any name there: a prefix keeps them apart from those of the house
  github: {
    name: 'GitHub',
    url: 'https://github.com',
    scopes: 'read:user user:email read:org',
    groupsClaim: 'teams',
    prefix: 'github:',
  },
  gitlab: {
    name: 'GitLab',
    url: 'https://gitlab.com',
    scopes: 'openid profile email',
    groupsClaim: 'groups_direct',
    prefix: 'gitlab:',
  },
} as const
export type ProviderKind = keyof typeof providerKinds
export const providerKindNames = Object.keys(providerKinds) as [ProviderKind, ...ProviderKind[]]

const ProviderRow = z.object({
  id: z.string(),
  slug: z.string(),
  kind: z.enum(providerKindNames),
  name: z.string(),
  url: z.string(),
  client_id: z.string(),
  scopes: z.string(),
  groups_claim: z.string(),
  group_prefix: z.string(),
  allowed_domains: z.array(z.string()),
  creates_users: z.boolean(),
  links_users: z.boolean(),
  is_enabled: z.boolean(),
  created_at: z.date(),
  updated_at: z.date(),
  identity_count: z.number(),
})
export type Provider = z.output<typeof ProviderRow>

const columns = sql.fragment`
  p.id, p.slug, p.kind, p.name, p.url, p.client_id, p.scopes, p.groups_claim, p.group_prefix, p.allowed_domains,
  p.creates_users, p.links_users, p.is_enabled, p.created_at, p.updated_at,
  (select count(*)::int from user_identities i where i.provider_id = p.id) as identity_count`

export async function selectProvidersPage(tx: Tx, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(ProviderRow)`
    select ${columns}
    from sign_in_providers p
    order by lower(p.name), p.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from sign_in_providers`)
  return { rows, totalCount }
}

export const selectOptionalProvider = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ProviderRow)`
    select ${columns}
    from sign_in_providers p
    where p.id = ${id}`)

/** Those that may be used; switched off ones are as if they were not there. */
export const selectOptionalEnabledProvider = (tx: Tx, slug: string) =>
  tx.maybeOne(sql.type(ProviderRow)`
    select ${columns}
    from sign_in_providers p
    where p.slug = ${slug} and p.is_enabled`)

export const selectEnabledProviders = (tx: Tx) =>
  tx.any(sql.type(z.object({ slug: z.string(), kind: z.enum(providerKindNames), name: z.string() }))`
    select slug, kind, name
    from sign_in_providers
    where is_enabled
    order by lower(name), id
    limit 50`)

export interface ProviderInput {
  slug: string
  kind: ProviderKind
  name: string
  url: string
  clientId: string
  /** null: as it is */
  clientSecret: string | null
  scopes: string
  groupsClaim: string
  groupPrefix: string
  allowedDomains: readonly string[]
  createsUsers: boolean
  linksUsers: boolean
  isEnabled: boolean
}

const contextOf = (id: string): string => `sign_in_providers.client_secret:${id}`

export async function selectClientSecret(app: App, id: string): Promise<string> {
  const row = await app.db.one(sql.type(z.object({ client_secret: z.instanceof(Buffer) }))`
    select client_secret
    from sign_in_providers
    where id = ${id}`)
  return app.secrets.open(row.client_secret, contextOf(id)).toString()
}

/** @throws problem 'invalid_attribute' for a slug that is taken, or a new provider without its secret */
export async function insertProvider(app: App, tx: Tx, input: ProviderInput): Promise<Provider> {
  if (!input.clientSecret) throw invalid('client-secret', "Client secret can't be blank")
  const id = newId('sip')
  await tx
    .query(sql.void`
      insert into sign_in_providers (id, slug, kind, name, url, client_id, client_secret, scopes, groups_claim,
        group_prefix, allowed_domains, creates_users, links_users, is_enabled)
      values (${id}, ${input.slug}, ${input.kind}, ${input.name}, ${input.url}, ${input.clientId},
        ${sql.binary(app.secrets.seal(input.clientSecret, contextOf(id)))}, ${input.scopes}, ${input.groupsClaim},
        ${input.groupPrefix}, ${sql.array([...input.allowedDomains], 'text')}, ${input.createsUsers},
        ${input.linksUsers}, ${input.isEnabled})`)
    .catch(slugTaken)
  return (await selectOptionalProvider(tx, id))!
}

/** @throws problem 'invalid_attribute' for a slug that is taken */
export async function updateProvider(app: App, tx: Tx, id: string, input: ProviderInput): Promise<Provider> {
  const sealed = input.clientSecret ? app.secrets.seal(input.clientSecret, contextOf(id)) : null
  await tx
    .query(sql.void`
      update sign_in_providers
      set slug = ${input.slug}, name = ${input.name}, url = ${input.url}, client_id = ${input.clientId},
        client_secret = coalesce(${sealed ? sql.binary(sealed) : null}, client_secret), scopes = ${input.scopes},
        groups_claim = ${input.groupsClaim}, group_prefix = ${input.groupPrefix},
        allowed_domains = ${sql.array([...input.allowedDomains], 'text')}, creates_users = ${input.createsUsers},
        links_users = ${input.linksUsers}, is_enabled = ${input.isEnabled}, updated_at = clock_timestamp()
      where id = ${id}`)
    .catch(slugTaken)
  return (await selectOptionalProvider(tx, id))!
}

const slugTaken = (error: unknown): never => {
  if (error instanceof UniqueIntegrityConstraintViolationError) throw invalid('slug', 'Slug has already been taken')
  throw error
}
