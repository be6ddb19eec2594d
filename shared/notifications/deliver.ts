import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { sendMail } from '../mail.ts'
import { sendOutbound } from '../outbound.ts'
import { openToken } from './configurations.ts'
import { bodies, inWords, Payload } from './payload.ts'
import { destinations } from './queries.ts'

const TIMEOUT_MS = 10_000
/** What the log keeps of an answer. */
const MAX_ANSWER = 2_000
/** As many as the queue tries: the first and its retries. */
export const MAX_ATTEMPTS = 6

/** Where a message goes; `token` is sealed. */
export interface Destination {
  id: string
  destination_type: (typeof destinations)[number]
  url: string | null
  token: Buffer | null
  recipients: string[]
}

/** What came of an attempt: `code` is an HTTP status, or a sentence why there was none. */
export interface Response {
  delivered: boolean
  code: string
  body: string
  headers: Record<string, string[]>
}

const listed = (headers: IncomingHttpHeaders): Record<string, string[]> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? []].flat()]))

/** One attempt. A receiver that cannot be reached is an outcome, not an error. */
export async function deliver(app: App, to: Destination, token: string | null, payload: Payload): Promise<Response> {
  try {
    if (to.destination_type === 'email') return await mail(app, to.recipients, payload)
    const body = JSON.stringify(bodies[to.destination_type](payload))
    const signature = token && createHmac('sha512', token).update(body).digest('hex')
    const answer = await sendOutbound(app.config.outboundAllow, {
      method: 'POST',
      url: to.url ?? '',
      headers: {
        'Content-Type': 'application/json',
        ...(signature && { 'X-TFE-Notification-Signature': signature }),
      },
      body,
      timeoutMs: TIMEOUT_MS,
      maxAnswerBytes: MAX_ANSWER,
    })
    const delivered = answer.status >= 200 && answer.status < 300
    // jsonb holds no NUL
    const text = answer.body.replaceAll('\0', '')
    return { delivered, code: String(answer.status), body: text, headers: listed(answer.headers) }
  } catch (error) {
    return { delivered: false, code: (error as Error).message, body: '', headers: {} }
  }
}

async function mail(app: App, recipients: string[], payload: Payload): Promise<Response> {
  if (recipients.length === 0) return { delivered: true, code: 'Nobody is to be told.', body: '', headers: {} }
  const { title, text, url } = inWords(payload)
  await sendMail(app, { to: recipients, subject: title, text: [text, url].filter(Boolean).join('\n\n') })
  return { delivered: true, code: '250', body: '', headers: {} }
}

const DeliveryRow = z.object({
  status: z.string(),
  attempts: z.number(),
  payload: Payload,
  id: z.string(),
  destination_type: z.enum(destinations),
  url: z.string().nullable(),
  token: z.instanceof(Buffer).nullable(),
  recipients: z.array(z.string()),
})

/**
 * One attempt at a logged message. May come twice: what is delivered is not sent again.
 * @throws Error when it is to be tried again
 */
export async function attemptDelivery(app: App, deliveryId: string): Promise<void> {
  const row = await app.db.maybeOne(sql.type(DeliveryRow)`
    update notification_deliveries d
    set attempts = d.attempts + 1, sent_at = now()
    from notification_configurations c
    where d.id = ${deliveryId} and c.id = d.configuration_id and d.status = 'pending'
    returning d.status, d.attempts, d.payload, c.id, c.destination_type, c.url, c.token,
      c.email_addresses || array(
        select u.email
        from notification_configuration_users x
        join users u on u.id = x.user_id
        where x.configuration_id = c.id and u.email is not null) as recipients`)
  if (!row) return
  const response = await deliver(app, row, openToken(app, row), row.payload)
  const status = response.delivered ? 'delivered' : row.attempts >= MAX_ATTEMPTS ? 'failed' : 'pending'
  await app.db.query(sql.void`
    update notification_deliveries
    set status = ${status}, code = ${response.code}, body = ${response.body}, headers = ${sql.jsonb(response.headers)}
    where id = ${deliveryId}`)
  if (status === 'pending') throw new Error(`notification ${deliveryId}: ${response.code}`)
}
