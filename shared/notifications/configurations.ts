import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { checkAddress, OutboundRefused } from '../outbound.ts'
import { columnOf, destinations, type NotificationConfiguration, type Subscribable } from './queries.ts'
import { teamTriggers, workspaceTriggers } from './triggers.ts'

export const NotificationInput = z.object({
  'destination-type': z.enum(destinations, 'is not one of generic, slack, microsoft-teams, email').optional(),
  enabled: z.boolean('must be true or false').optional(),
  name: z.string().max(250, 'is too long (maximum is 250 characters)').optional(),
  token: z.string().max(2000, 'is too long').nullable().optional(),
  triggers: z.array(z.string()).max(100).nullable().optional(),
  url: z.string().nullable().optional(),
  'email-addresses': z.array(z.email('hold an address that is none')).max(100, 'are too many').nullable().optional(),
})
export type NotificationInput = z.output<typeof NotificationInput>

/** What a configuration is to be after the request: checked as a whole, before it is verified and saved. */
export interface Wanted {
  name: string
  destination: (typeof destinations)[number]
  enabled: boolean
  url: string | null
  /** undefined: as it was */
  token: string | null | undefined
  triggers: string[]
  emailAddresses: string[]
  userIds: string[]
}

/** @throws problem 'invalid_attribute' */
export function wanted(
  app: App,
  input: NotificationInput,
  userIds: string[] | undefined,
  of: Subscribable,
  before: NotificationConfiguration | null,
): Wanted {
  const destination = before?.destination_type ?? input['destination-type']
  if (!destination) throw invalid('destination-type', "Destination type can't be blank")
  const name = input.name ?? before?.name ?? ''
  if (name.trim() === '') throw invalid('name', "Name can't be blank")
  const triggers = [...new Set(input.triggers ?? before?.triggers ?? [])]
  const known: readonly string[] = 'teamId' in of ? teamTriggers : workspaceTriggers
  const unknown = triggers.find((trigger) => !known.includes(trigger))
  if (unknown !== undefined) throw invalid('triggers', `Triggers may hold only ${known.join(', ')}`)
  const url = input.url === undefined ? (before?.url ?? null) : input.url
  if (destination !== 'email') checkUrl(app, url)
  return {
    name,
    destination,
    enabled: input.enabled ?? before?.enabled ?? false,
    url: destination === 'email' ? null : url,
    token: input.token,
    triggers,
    emailAddresses: input['email-addresses'] ?? before?.email_addresses ?? [],
    // absent is none, as go-tfe's tests demand
    userIds: userIds ?? [],
  }
}

function checkUrl(app: App, url: string | null): void {
  if (!url) throw invalid('url', "Url can't be blank")
  try {
    checkAddress(url, app.config.outboundAllow)
  } catch (error) {
    throw error instanceof OutboundRefused ? invalid('url', `Url ${error.message}`) : error
  }
}

const sealed = (app: App, id: string, token: string | null | undefined) =>
  token ? sql.binary(app.secrets.seal(token, `notification_configurations.token:${id}`)) : null

export const openToken = (app: App, row: { id: string; token: Buffer | null }): string | null =>
  row.token ? app.secrets.open(row.token, `notification_configurations.token:${row.id}`).toString() : null

export async function createNotificationConfiguration(
  app: App,
  tx: Tx,
  owner: { organizationId: string; of: Subscribable },
  want: Wanted,
): Promise<string> {
  const id = newId('nc')
  const { column, id: ownerId } = columnOf(owner.of)
  await tx.query(sql.void`
    insert into notification_configurations (id, organization_id, ${sql.identifier([column])}, name, destination_type,
      enabled, url, token, triggers, email_addresses)
    values (${id}, ${owner.organizationId}, ${ownerId}, ${want.name}, ${want.destination}, ${want.enabled}, ${want.url},
      ${sealed(app, id, want.token)}, ${sql.array(want.triggers, 'text')}, ${sql.array(want.emailAddresses, 'text')})`)
  await setUsers(tx, id, owner.organizationId, want.userIds)
  return id
}

export async function updateNotificationConfiguration(
  app: App,
  tx: Tx,
  before: NotificationConfiguration,
  want: Wanted,
): Promise<void> {
  const keep = want.token === undefined
  await tx.query(sql.void`
    update notification_configurations
    set name = ${want.name}, enabled = ${want.enabled}, url = ${want.url},
      token = case when ${keep} then token else ${sealed(app, before.id, want.token)} end,
      triggers = ${sql.array(want.triggers, 'text')}, email_addresses = ${sql.array(want.emailAddresses, 'text')},
      updated_at = now()
    where id = ${before.id}`)
  await tx.query(sql.void`delete from notification_configuration_users where configuration_id = ${before.id}`)
  await setUsers(tx, before.id, before.organization_id, want.userIds)
}

/** @throws problem 'invalid_attribute' when one of them is not a member of the organization */
async function setUsers(tx: Tx, id: string, organizationId: string, userIds: string[]): Promise<void> {
  const ids = [...new Set(userIds)]
  if (ids.length === 0) return
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from organization_memberships
    where organization_id = ${organizationId} and user_id = any(${sql.array(ids, 'text')})`)
  if (count !== ids.length) throw invalid('users', 'Users must be members of the organization')
  await tx.query(sql.void`
    insert into notification_configuration_users (configuration_id, user_id)
    select ${id}, u from unnest(${sql.array(ids, 'text')}) as u`)
}
