import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'
import { checkName, nameTaken } from '../names.ts'
import { Kind } from './policies.ts'

export const PolicySetRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  name: z.string(),
  description: z.string(),
  kind: Kind,
  is_global: z.boolean(),
  overridable: z.boolean(),
  agent_enabled: z.boolean(),
  policy_tool_version: z.string().nullable(),
  policies_path: z.string().nullable(),
  policy_update_patterns: z.array(z.string()),
  policy_ids: z.array(z.string()),
  workspace_ids: z.array(z.string()),
  workspace_exclusion_ids: z.array(z.string()),
  project_ids: z.array(z.string()),
  project_exclusion_ids: z.array(z.string()),
  newest_version_id: z.string().nullable(),
  current_version_id: z.string().nullable(),
  created_at: z.date(),
  updated_at: z.date(),
})
export type PolicySet = z.output<typeof PolicySetRow>

const columns = sql.fragment`
  s.id, s.organization_id, o.name as organization_name, s.name, s.description, s.kind, s.is_global, s.overridable,
  s.agent_enabled, s.policy_tool_version, s.policies_path, s.policy_update_patterns, s.created_at, s.updated_at,
  array(select x.policy_id from policy_set_policies x where x.policy_set_id = s.id order by 1) as policy_ids,
  array(
    select x.workspace_id from policy_set_workspaces x
    where x.policy_set_id = s.id and not x.excluded order by 1) as workspace_ids,
  array(
    select x.workspace_id from policy_set_workspaces x
    where x.policy_set_id = s.id and x.excluded order by 1) as workspace_exclusion_ids,
  array(
    select x.project_id from policy_set_projects x
    where x.policy_set_id = s.id and not x.excluded order by 1) as project_ids,
  array(
    select x.project_id from policy_set_projects x
    where x.policy_set_id = s.id and x.excluded order by 1) as project_exclusion_ids,
  (
    select v.id from policy_set_versions v
    where v.policy_set_id = s.id order by v.created_at desc, v.id limit 1) as newest_version_id,
  (
    select v.id from policy_set_versions v
    where v.policy_set_id = s.id and v.status = 'ready' order by v.created_at desc, v.id limit 1) as current_version_id`
const tables = sql.fragment`
  policy_sets s
  join organizations o on o.id = s.organization_id and o.deleted_at is null`

export const selectOptionalPolicySet = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(PolicySetRow)`
    select ${columns}
    from ${tables}
    where s.id = ${id}`)

export async function selectPolicySetsOfOrganization(
  tx: Tx,
  organizationId: string,
  filter: { name: string | undefined; kind: string | undefined },
  page: { size: number; offset: number },
) {
  const where = sql.fragment`
    s.organization_id = ${organizationId}
    and (${filter.name ?? null}::text is null or strpos(lower(s.name), lower(${filter.name ?? null})) > 0)
    and (${filter.kind ?? null}::text is null or s.kind = ${filter.kind ?? null})`
  const rows = await tx.any(sql.type(PolicySetRow)`
    select ${columns}
    from ${tables}
    where ${where}
    order by s.created_at, s.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from policy_sets s
    where ${where}`)
  return { rows, totalCount }
}

export const PolicySetInput = z.object({
  name: z.string().max(90, 'is too long (maximum is 90 characters)').optional(),
  description: z.string().max(5000, 'is too long').nullable().optional(),
  kind: Kind.optional(),
  global: z.boolean('must be true or false').optional(),
  overridable: z.boolean('must be true or false').nullable().optional(),
  'agent-enabled': z.boolean('must be true or false').nullable().optional(),
  'policy-tool-version': z.string().max(100).nullable().optional(),
  'policies-path': z.string().max(1000).nullable().optional(),
  'policy-update-patterns': z.array(z.string().max(1000)).max(100).nullable().optional(),
  'vcs-repo': z.null('is not possible: upload versions, or attach policies').optional(),
})
export type PolicySetInput = z.output<typeof PolicySetInput>

export async function createPolicySet(tx: Tx, organizationId: string, input: PolicySetInput): Promise<string> {
  checkName(input.name ?? '')
  const id = newId('polset')
  try {
    await tx.query(sql.void`
      insert into policy_sets (id, organization_id, name, description, kind, is_global, overridable, agent_enabled,
        policy_tool_version, policies_path, policy_update_patterns)
      values (${id}, ${organizationId}, ${input.name!}, ${input.description ?? ''}, ${input.kind ?? 'sentinel'},
        ${input.global ?? false}, ${input.overridable ?? false}, ${input['agent-enabled'] ?? false},
        ${input['policy-tool-version'] ?? null}, ${input['policies-path'] ?? null},
        ${sql.array(input['policy-update-patterns'] ?? [], 'text')})`)
  } catch (error) {
    throw nameTaken(error)
  }
  return id
}

/** null clears, what is not named stays. */
const or = <T>(given: T | undefined, before: T): T => (given === undefined ? before : given)

export async function updatePolicySet(tx: Tx, before: PolicySet, input: PolicySetInput): Promise<void> {
  if (input.name !== undefined) checkName(input.name)
  try {
    await tx.query(sql.void`
      update policy_sets
      set name = ${input.name ?? before.name}, description = ${or(input.description, before.description) ?? ''},
        is_global = ${input.global ?? before.is_global}, overridable = ${input.overridable ?? before.overridable},
        agent_enabled = ${input['agent-enabled'] ?? before.agent_enabled},
        policy_tool_version = ${or(input['policy-tool-version'], before.policy_tool_version)},
        policies_path = ${or(input['policies-path'], before.policies_path)},
        policy_update_patterns = ${sql.array(input['policy-update-patterns'] ?? before.policy_update_patterns, 'text')},
        updated_at = now()
      where id = ${before.id}`)
  } catch (error) {
    throw nameTaken(error)
  }
}

export const deletePolicySet = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from policy_sets
    where id = ${id}`)
