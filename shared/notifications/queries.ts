import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

export const destinations = ['generic', 'slack', 'microsoft-teams', 'email'] as const

const Response = z.object({
  url: z.string().nullable(),
  code: z.string(),
  body: z.string(),
  headers: z.record(z.string(), z.array(z.string())),
  sent_at: z.string(),
  delivered: z.boolean(),
})

export const ConfigurationRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  workspace_id: z.string().nullable(),
  project_id: z.string().nullable(),
  team_id: z.string().nullable(),
  /** of the workspace, when it is a workspace's */
  workspace_project_id: z.string().nullable(),
  name: z.string(),
  destination_type: z.enum(destinations),
  enabled: z.boolean(),
  url: z.string().nullable(),
  token: z.instanceof(Buffer).nullable(),
  triggers: z.array(z.string()),
  email_addresses: z.array(z.string()),
  user_ids: z.array(z.string()),
  user_emails: z.array(z.string()),
  /** the newest first */
  responses: z.array(Response),
  created_at: z.date(),
  updated_at: z.date(),
})
export type NotificationConfiguration = z.output<typeof ConfigurationRow>

const columns = sql.fragment`
  c.id, c.organization_id, o.name as organization_name, c.workspace_id, c.project_id, c.team_id,
  (select w.project_id from workspaces w where w.id = c.workspace_id) as workspace_project_id,
  c.name, c.destination_type, c.enabled, c.url, c.token, c.triggers, c.email_addresses, c.created_at, c.updated_at,
  array(
    select x.user_id from notification_configuration_users x
    where x.configuration_id = c.id order by x.user_id) as user_ids,
  array(
    select u.email from notification_configuration_users x join users u on u.id = x.user_id
    where x.configuration_id = c.id and u.email is not null order by u.email) as user_emails,
  coalesce((
    select jsonb_agg(jsonb_build_object('url', c.url, 'code', d.code, 'body', d.body, 'headers', d.headers,
      'sent_at', d.sent_at, 'delivered', d.status = 'delivered') order by d.created_at desc)
    from (
      select code, body, headers, sent_at, status, created_at
      from notification_deliveries
      where configuration_id = c.id and sent_at is not null
      order by created_at desc
      limit 10) d), '[]') as responses`

const tables = sql.fragment`
  notification_configurations c
  join organizations o on o.id = c.organization_id and o.deleted_at is null`

export const selectOptionalNotificationConfiguration = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ConfigurationRow)`
    select ${columns}
    from ${tables}
    where c.id = ${id}`)

export const selectNotificationConfiguration = (tx: Tx, id: string) =>
  tx.one(sql.type(ConfigurationRow)`
    select ${columns}
    from ${tables}
    where c.id = ${id}`)

/** Who is subscribed: exactly one of the three. */
export type Subscribable = { workspaceId: string } | { projectId: string } | { teamId: string }

export const columnOf = (of: Subscribable): { column: 'workspace_id' | 'project_id' | 'team_id'; id: string } =>
  'workspaceId' in of
    ? { column: 'workspace_id', id: of.workspaceId }
    : 'projectId' in of
      ? { column: 'project_id', id: of.projectId }
      : { column: 'team_id', id: of.teamId }

/** null page: all of them, 500 at most. */
export async function selectNotificationConfigurations(
  tx: Tx,
  of: Subscribable,
  page: { size: number; offset: number } | null,
) {
  const { column, id } = columnOf(of)
  const where = sql.fragment`${sql.identifier(['c', column])} = ${id}`
  const rows = await tx.any(sql.type(ConfigurationRow)`
    select ${columns}
    from ${tables}
    where ${where}
    order by c.created_at, c.id
    limit ${page?.size ?? 500} offset ${page?.offset ?? 0}`)
  if (!page) return { rows, totalCount: rows.length }
  const totalCount = await tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from ${tables}
    where ${where}`)
  return { rows, totalCount }
}

export const deleteNotificationConfiguration = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from notification_configurations
    where id = ${id}`)
