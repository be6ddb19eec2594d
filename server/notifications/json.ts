import type { NotificationConfiguration } from '../../shared/notifications/queries.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'

/** The token is never shown again. */
export const notificationConfiguration = defineResource<NotificationConfiguration>({
  type: 'notification-configurations',
  id: (c) => c.id,
  attributes: (c) => ({
    name: c.name,
    enabled: c.enabled,
    'destination-type': c.destination_type,
    url: c.url,
    token: null,
    triggers: c.triggers,
    'email-addresses': [...new Set([...c.email_addresses, ...c.user_emails])],
    'external-email-addresses': c.email_addresses,
    'user-email-addresses': c.user_emails,
    'delivery-responses': c.responses.map((r) => ({
      url: r.url,
      code: r.code,
      body: r.body,
      headers: r.headers,
      'sent-at': new Date(r.sent_at).toISOString(),
      // a text: that is how clients decode it
      successful: String(r.delivered),
    })),
    'created-at': c.created_at,
    'updated-at': c.updated_at,
  }),
  relationships: (c) => ({
    subscribable: c.workspace_id
      ? toOne('workspaces', c.workspace_id)
      : c.project_id
        ? toOne('projects', c.project_id)
        : toOne('teams', c.team_id),
    users: toMany('users', c.user_ids),
  }),
  links: (c) => ({ self: `/api/v2/notification-configurations/${c.id}` }),
})
