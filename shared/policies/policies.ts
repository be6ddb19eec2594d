import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { nameTaken } from '../names.ts'

export const kinds = ['opa', 'sentinel'] as const
export const Kind = z.enum(kinds, 'must be opa or sentinel')
type Kind = z.output<typeof Kind>

export const enforcementLevels = ['advisory', 'mandatory', 'soft-mandatory', 'hard-mandatory'] as const
const Level = z.enum(enforcementLevels, `must be one of ${enforcementLevels.join(', ')}`)
type Level = z.output<typeof Level>

export const PolicyRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  name: z.string(),
  description: z.string(),
  kind: Kind,
  query: z.string().nullable(),
  enforcement_level: Level,
  is_uploaded: z.boolean(),
  policy_set_count: z.number(),
  updated_at: z.date(),
})
export type Policy = z.output<typeof PolicyRow>

const columns = sql.fragment`
  p.id, p.organization_id, o.name as organization_name, p.name, p.description, p.kind, p.query, p.enforcement_level,
  p.content is not null as is_uploaded, p.updated_at,
  (select count(*)::int from policy_set_policies x where x.policy_id = p.id) as policy_set_count`
const tables = sql.fragment`
  policies p
  join organizations o on o.id = p.organization_id and o.deleted_at is null`

export const selectOptionalPolicy = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(PolicyRow)`
    select ${columns}
    from ${tables}
    where p.id = ${id}`)

export const selectPolicies = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(PolicyRow)`
    select ${columns}
    from ${tables}
    where p.id = any(${sql.array([...ids], 'text')})`)

export async function selectPoliciesOfOrganization(
  tx: Tx,
  organizationId: string,
  filter: { name: string | undefined; kind: string | undefined },
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    p.organization_id = ${organizationId}
    and (${filter.name ?? null}::text is null or strpos(lower(p.name), lower(${filter.name ?? null})) > 0)
    and (${filter.kind ?? null}::text is null or p.kind = ${filter.kind ?? null})`
  const rows = await tx.any(sql.type(PolicyRow)`
    select ${columns}
    from ${tables}
    where ${where}
    order by lower(p.name), p.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from policies p
    where ${where}`)
  return { rows, totalCount }
}

export const PolicyInput = z.object({
  name: z.string().max(90, 'is too long (maximum is 90 characters)').optional(),
  description: z.string().max(5000, 'is too long').nullable().optional(),
  kind: Kind.optional(),
  query: z.string().max(1000, 'is too long').nullable().optional(),
  'enforcement-level': Level.nullable().optional(),
  /** the older form of enforcement-level */
  enforce: z
    .array(z.object({ path: z.string().nullish(), mode: Level.nullish() }))
    .max(100)
    .nullable()
    .optional(),
})
export type PolicyInput = z.output<typeof PolicyInput>

const levelsOf: Record<Kind, readonly Level[]> = {
  opa: ['advisory', 'mandatory'],
  sentinel: ['advisory', 'soft-mandatory', 'hard-mandatory'],
}

function levelOf(input: PolicyInput, kind: Kind): Level | undefined {
  const level = input['enforcement-level'] ?? input.enforce?.[0]?.mode ?? undefined
  if (level && !levelsOf[kind].includes(level))
    throw invalid(
      'enforcement-level',
      `Enforcement level of ${kind} policies must be one of ${levelsOf[kind].join(', ')}`,
    )
  return level
}

/** @throws problem 'invalid_attribute' */
export async function createPolicy(tx: Tx, organizationId: string, input: PolicyInput): Promise<string> {
  const kind = input.kind ?? 'sentinel'
  if (!/^[\w-]+$/.test(input.name ?? ''))
    throw invalid('name', 'Name may hold only letters, digits, dashes and underscores')
  if (kind === 'opa' && !input.query) throw invalid('query', "Query can't be blank")
  const level = levelOf(input, kind) ?? (kind === 'opa' ? 'advisory' : 'hard-mandatory')
  const id = newId('pol')
  try {
    await tx.query(sql.void`
      insert into policies (id, organization_id, name, description, kind, query, enforcement_level)
      values (${id}, ${organizationId}, ${input.name!}, ${input.description ?? ''}, ${kind},
        ${kind === 'opa' ? (input.query ?? null) : null}, ${level})`)
  } catch (error) {
    throw nameTaken(error)
  }
  return id
}

/** Name and kind stay; a query means nothing to Sentinel. */
export async function updatePolicy(tx: Tx, before: Policy, input: PolicyInput): Promise<void> {
  const query = before.kind === 'opa' ? (input.query ?? before.query) : null
  await tx.query(sql.void`
    update policies
    set description = ${input.description === undefined ? before.description : (input.description ?? '')}, query = ${query},
      enforcement_level = ${levelOf(input, before.kind) ?? before.enforcement_level}, updated_at = now()
    where id = ${before.id}`)
}

export const deletePolicy = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from policies
    where id = ${id}`)

export const uploadPolicy = (tx: Tx, id: string, content: string) =>
  tx.query(sql.void`
    update policies
    set content = ${content}, updated_at = now()
    where id = ${id}`)

export const selectOptionalPolicyContent = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(z.object({ content: z.string().nullable() }))`
    select content
    from policies
    where id = ${id}`)
