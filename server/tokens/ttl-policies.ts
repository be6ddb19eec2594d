// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/organization-token-ttl-policies
import { z } from 'zod'
import { invalid } from '../../shared/errors.ts'
import {
  selectTtlPolicies,
  setTtlPolicies,
  type TokenType,
  type TtlPolicy,
  tokenTypes,
} from '../../shared/tokens/ttl-policies.ts'
import { many } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'

export const tokenTtlPolicies = new Routes('/api/v2')

const ttlPolicy = defineResource<TtlPolicy>({
  type: 'organization-token-ttl-policies',
  id: (p) => p.id,
  attributes: (p) => ({
    'token-type': p.token_type,
    'max-ttl-ms': p.max_ttl_ms,
    'created-at': p.created_at,
    'updated-at': p.updated_at,
  }),
})

const path = '/organizations/:organization_name/token-ttl-policies'
const HUNDRED_YEARS = 100 * 365 * 24 * 3600 * 1000

tokenTtlPolicies.get(path, { action: 'organization:read', subject: organizationByName }, async (ctx) =>
  many(ttlPolicy, await selectTtlPolicies(ctx.app.db, ctx.subject.organization.id), ctx),
)

// the entries of the list are no JSON:API objects: the client spells their names in several ways
const Policies = z.object({
  'token-ttl-policies': z.array(z.record(z.string(), z.unknown())).min(1, 'must not be empty').max(10),
})
const Entry = z.object({
  tokentype: z.enum(tokenTypes),
  maxttlms: z.number().int().min(60_000).max(HUNDRED_YEARS),
})

function entryOf(given: Record<string, unknown>): [TokenType, number] {
  const plain = Object.fromEntries(Object.entries(given).map(([k, v]) => [k.toLowerCase().replace(/[-_]/g, ''), v]))
  const parsed = Entry.safeParse(plain)
  if (!parsed.success) {
    throw invalid(
      'token-ttl-policies',
      `Each policy needs token-type (${tokenTypes.join(', ')}) and max-ttl-ms, at least a minute`,
    )
  }
  return [parsed.data.tokentype, parsed.data.maxttlms]
}

tokenTtlPolicies.patch(
  path,
  { action: 'organization-token:manage', subject: organizationByName, attributes: Policies },
  async (ctx) => {
    const wanted = new Map(ctx.input.attributes['token-ttl-policies'].map(entryOf))
    const policies = await ctx.app.db.transaction((tx) => setTtlPolicies(tx, ctx.subject.organization.id, wanted))
    return many(ttlPolicy, policies, ctx)
  },
)
