import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { checkName, nameTaken } from '../names.ts'
import {
  insertOrganization,
  markOrganizationDeleted,
  type Organization,
  selectOrganization,
  updateOrganizationRow,
} from './queries.ts'

/** Minutes. */
const DAYS_7 = 7 * 24 * 60

/** Settings with a default, as the API names them (kebab-case). */
export const OrganizationSettings = z.object({
  'collaborator-auth-policy': z.enum(['password', 'two_factor_mandatory']).default('password'),
  /** Minutes; obeyed by shared/sessions. */
  'session-timeout': z.number().int().min(1).nullable().default(null),
  'session-remember': z.number().int().min(1).nullable().default(null),
  // These speak of what this server does not have (estimates, health checks, Git hosts, SAML): kept, since clients send
  // them and compare what they read, and without effect.
  'cost-estimation-enabled': z.boolean().default(false),
  'send-passing-statuses-for-untriggered-speculative-plans': z.boolean().default(false),
  'aggregated-commit-status-enabled': z.boolean().default(true),
  'speculative-plan-management-enabled': z.boolean().default(true),
  'assessments-enforced': z.boolean().default(false),
  'owners-team-saml-role-id': z.string().nullable().default(null),

  'allow-force-delete-workspaces': z.boolean().default(false),
  'default-execution-mode': z.enum(['remote', 'local', 'agent']).default('remote'),
  'default-agent-pool-id': z.string().nullable().default(null),
  'user-tokens-enabled': z.boolean().default(true),
  'max-ttl-enabled': z.boolean().default(false),
  /** Most phases that workers are given at once; null: no limit. */
  'concurrent-run-limit': z.number().int().min(1).max(100_000).nullable().default(null),
  /** Minutes after which the engine is interrupted. */
  'plan-timeout': z.number().int().min(1).max(DAYS_7).default(120),
  'apply-timeout': z.number().int().min(1).max(DAYS_7).default(1440),
})

export const organizationSettings = (organization: Pick<Organization, 'settings'>) =>
  OrganizationSettings.parse(organization.settings)

/** What must not be accepted without being done: somebody would rely on it. */
function checkSettings(settings: Record<string, unknown>): void {
  if (settings['collaborator-auth-policy'] === 'two_factor_mandatory') {
    throw invalid('collaborator-auth-policy', 'This server has no second factor: two_factor_mandatory cannot be kept.')
  }
}

/** First words of addresses below /app that are pages of their own. */
const reserved = new Set(['account', 'admin', 'invitation', 'login', 'logout', 'search', 'settings', 'theme'])

function checkOrganizationName(name: string): void {
  checkName(name)
  if (reserved.has(name.toLowerCase())) throw invalid('name', 'Name is reserved')
}

/** Creates it with its default project and its owners team; the creator (a user) becomes a member and an owner. */
export async function createOrganization(
  tx: Tx,
  input: { name: string; email: string; settings: Record<string, unknown>; ownerId: string | null },
): Promise<Organization> {
  checkOrganizationName(input.name)
  checkSettings(input.settings)
  const id = newId('org')
  try {
    await insertOrganization(tx, { id, name: input.name, email: input.email, settings: input.settings })
  } catch (error) {
    throw nameTaken(error)
  }
  const teamId = newId('team')
  await tx.query(sql.void`
    insert into projects (id, organization_id, name, is_default)
    values (${newId('prj')}, ${id}, 'Default Project', true)`)
  await tx.query(sql.void`
    insert into teams (id, organization_id, name, visibility, is_owners)
    values (${teamId}, ${id}, 'owners', 'secret', true)`)
  if (input.ownerId) {
    await tx.query(sql.void`
      insert into organization_memberships (id, organization_id, user_id, email, status)
      select ${newId('ou')}, ${id}, u.id, coalesce(u.email, u.username || '@localhost'), 'active'
      from users u
      where u.id = ${input.ownerId}`)
    await tx.query(sql.void`
      insert into team_members (team_id, user_id)
      values (${teamId}, ${input.ownerId})`)
  }
  return selectOrganization(tx, id)
}

/**
 * The settings after a change; execution mode and agent pool fit together.
 * @throws problem 'invalid_attribute'
 */
async function executionDefaults(tx: Tx, organization: Organization, change: Record<string, unknown>) {
  const next = { ...organization.settings, ...change }
  const isAgent = next['default-execution-mode'] === 'agent'
  const poolId = change['default-agent-pool-id']
  if (typeof poolId === 'string' && !isAgent) {
    throw invalid('default-agent-pool', "Default agent pool must not be specified unless using 'agent' execution mode")
  }
  if (!isAgent) return { ...next, 'default-agent-pool-id': null }
  const wanted = next['default-agent-pool-id']
  if (typeof wanted !== 'string')
    throw invalid('default-agent-pool', "Default agent pool must be specified when using 'agent' execution mode")
  const found = await tx.maybeOne(sql.type(z.object({ id: z.string() }))`
    select id
    from agent_pools
    where id = ${wanted} and organization_id = ${organization.id}`)
  if (!found) throw invalid('default-agent-pool', 'Default agent pool does not exist in this organization')
  return next
}

export async function updateOrganization(
  tx: Tx,
  organization: Organization,
  change: { name?: string | undefined; email?: string | undefined; settings: Record<string, unknown> },
): Promise<Organization> {
  if (change.name !== undefined && change.name !== organization.name) checkOrganizationName(change.name)
  checkSettings(change.settings)
  try {
    await updateOrganizationRow(tx, {
      id: organization.id,
      name: change.name ?? organization.name,
      email: change.email ?? organization.email,
      settings: await executionDefaults(tx, organization, change.settings),
    })
  } catch (error) {
    throw nameTaken(error)
  }
  return selectOrganization(tx, organization.id)
}

export async function deleteOrganization(app: App, organization: Organization): Promise<void> {
  await app.db.transaction(async (tx) => {
    await markOrganizationDeleted(tx, organization.id)
    await app.queue.send(tx, 'organization-delete', { organizationId: organization.id })
  })
}
