import { createHmac } from 'node:crypto'
import type { App } from '../app.ts'
import { sendOutbound } from '../outbound.ts'

const TIMEOUT_MS = 10_000

/** Asks a task. @returns null when it took the request, else a sentence why not */
export async function postToTask(
  app: App,
  to: { url: string; hmacKey: string | null },
  payload: object,
): Promise<string | null> {
  const body = JSON.stringify(payload)
  const signature = to.hmacKey && createHmac('sha512', to.hmacKey).update(body).digest('hex')
  try {
    const answer = await sendOutbound(app.config.outboundAllow, {
      method: 'POST',
      url: to.url,
      headers: { 'Content-Type': 'application/json', ...(signature && { 'X-TFC-Task-Signature': signature }) },
      body,
      timeoutMs: TIMEOUT_MS,
      maxAnswerBytes: 2_000,
    })
    return answer.status === 200 ? null : `It answered with status ${answer.status}.`
  } catch (error) {
    return (error as Error).message
  }
}
