import { z } from 'zod'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'

/** A job that was offered to one agent: one attempt of it. */
const Offer = z.object({
  agentPoolId: z.string(),
  agentId: z.string(),
  runId: z.string(),
  phase: z.enum(['plan', 'apply']),
  jobId: z.string(),
  attempt: z.number(),
})
export type JobOffer = z.output<typeof Offer>

/** The phase that was taken with it. It is of use only as long as the claim is the phase's. */
const Held = Offer.extend({ phaseId: z.string(), claim: z.number() })
export type HeldByAgent = z.output<typeof Held>

const schemas = { 'agent-offer': Offer, 'agent-phase': Held } as const
type Kind = keyof typeof schemas

/** `base64url(json).signature`: nothing is stored, and nothing in it is secret. */
export function signCredential<K extends Kind>(app: App, kind: K, content: z.output<(typeof schemas)[K]>): string {
  const text = Buffer.from(JSON.stringify(content)).toString('base64url')
  return `${text}.${app.secrets.sign(text, kind)}`
}

/**
 * @param agentPoolId the pool of the token that came with it: a credential is of no use with another pool's token
 * @throws problem 'not_found'
 */
export function openCredential<K extends Kind>(
  app: App,
  kind: K,
  credential: string,
  agentPoolId: string,
): z.output<(typeof schemas)[K]> {
  const [text = '', signature = ''] = credential.split('.')
  if (!app.secrets.verify(text, kind, signature)) throw problem('not_found')
  const content = schemas[kind].parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
  if (content.agentPoolId !== agentPoolId) throw problem('not_found')
  return content as z.output<(typeof schemas)[K]>
}
