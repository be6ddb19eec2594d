import { z } from 'zod'

/**
 * A message as a generic notification carries it; the other destinations say the same in their own form.
 * Source: https://developer.hashicorp.com/terraform/cloud-docs/workspaces/settings/notifications#notification-payloads
 */
export const Payload = z.object({
  payload_version: z.literal(1),
  notification_configuration_id: z.string(),
  run_url: z.string().nullable(),
  run_id: z.string().nullable(),
  run_message: z.string().nullable(),
  run_created_at: z.string().nullable(),
  run_created_by: z.string().nullable(),
  workspace_id: z.string().nullable(),
  workspace_name: z.string().nullable(),
  organization_name: z.string(),
  notifications: z
    .array(
      z.object({
        message: z.string(),
        trigger: z.string(),
        run_status: z.string().nullable(),
        run_updated_at: z.string().nullable(),
        run_updated_by: z.string().nullable(),
      }),
    )
    .min(1),
})
export type Payload = z.output<typeof Payload>

/** `Run Applied: acme/network, run-… "message"` and where to look. */
export function inWords(payload: Payload): { title: string; text: string; url: string | null } {
  const [first] = payload.notifications
  const where = [payload.organization_name, payload.workspace_name].filter(Boolean).join('/')
  const lines = [
    payload.run_id && `Run ${payload.run_id}${payload.run_message ? `: ${payload.run_message}` : ''}`,
    payload.run_created_by && `Started by ${payload.run_created_by}`,
    first!.run_status && `Status: ${first!.run_status.replaceAll('_', ' ')}`,
  ].filter(Boolean)
  return { title: `${first!.message}: ${where}`, text: lines.join('\n'), url: payload.run_url }
}

const slackText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const slack = (payload: Payload) => {
  const { title, text, url } = inWords(payload)
  return {
    text: slackText(title),
    attachments: [
      {
        fallback: slackText(title),
        title: slackText(title),
        ...(url && { title_link: url }),
        text: slackText(text),
        footer: 'TofuTF',
      },
    ],
  }
}

const microsoftTeams = (payload: Payload) => {
  const { title, text, url } = inWords(payload)
  return {
    '@type': 'MessageCard',
    '@context': 'https://schema.org/extensions',
    summary: title,
    title,
    text: text.replaceAll('\n', '\n\n'),
    ...(url && {
      potentialAction: [{ '@type': 'OpenUri', name: 'Open the run', targets: [{ os: 'default', uri: url }] }],
    }),
  }
}

/** The JSON that is posted, by destination. */
export const bodies = { generic: (payload: Payload): object => payload, slack, 'microsoft-teams': microsoftTeams }
