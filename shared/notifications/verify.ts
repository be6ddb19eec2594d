import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'
import { openToken } from './configurations.ts'
import { deliver, type Response } from './deliver.ts'
import type { Payload } from './payload.ts'
import type { destinations, NotificationConfiguration } from './queries.ts'

const payloadOf = (app: App, id: string, organizationName: string): Payload => ({
  payload_version: 1,
  notification_configuration_id: id,
  run_url: null,
  run_id: null,
  run_message: null,
  run_created_at: null,
  run_created_by: null,
  workspace_id: null,
  workspace_name: null,
  organization_name: organizationName,
  notifications: [
    {
      message: `Verification of TofuTF at ${app.config.url}`,
      trigger: 'verification',
      run_status: null,
      run_updated_at: null,
      run_updated_by: null,
    },
  ],
})

/** A verification message to a destination that is not saved yet. */
export const verifyDestination = (
  app: App,
  to: { destination: (typeof destinations)[number]; url: string | null; organizationName: string },
  token: string | null,
): Promise<Response> =>
  deliver(
    app,
    { id: '', destination_type: to.destination, url: to.url, token: null, recipients: [] },
    token,
    payloadOf(app, '', to.organizationName),
  )

/** The same for one that is; what came of it stands in its delivery responses. */
export async function verifyStored(app: App, configuration: NotificationConfiguration): Promise<void> {
  const { id, destination_type, url, token, email_addresses, user_emails, organization_name } = configuration
  const payload = payloadOf(app, id, organization_name)
  const recipients = [...email_addresses, ...user_emails]
  const response = await deliver(
    app,
    { id, destination_type, url, token, recipients },
    openToken(app, configuration),
    payload,
  )
  await app.db.query(sql.void`
    insert into notification_deliveries (id, configuration_id, trigger, payload, status, attempts, code, body, headers, sent_at)
    values (${newId('nd')}, ${id}, 'verification', ${sql.jsonb(payload as never)},
      ${response.delivered ? 'delivered' : 'failed'}, 1, ${response.code}, ${response.body},
      ${sql.jsonb(response.headers)}, now())`)
}
