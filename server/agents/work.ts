// Our own protocol for remote agents: shared/agents/protocol.ts. Every route needs the token of an agent pool.
import type { z } from 'zod'
import { endAgent, insertAgent, touchAgent } from '../../shared/agents/agents.ts'
import { openCredential, signCredential } from '../../shared/agents/credential.ts'
import { startPhase } from '../../shared/agents/held-phase.ts'
import { BASE, CREDENTIAL_HEADER, ExitRequest, Registration, TakeRequest } from '../../shared/agents/protocol.ts'
import { problem } from '../../shared/errors.ts'
import { looksLikeId, newId } from '../../shared/ids.ts'
import { type Context, Routes } from '../route.ts'
import { lostAsGone } from './lost.ts'
import { waitForWork } from './waiting.ts'

export const agentWork = new Routes(BASE)

/** The pool that the token is for. */
export function poolOf({ actor }: Context): string {
  if (actor.kind !== 'agent') throw problem('not_found')
  return actor.agentPoolId
}

/** The body by its schema; a wrong one is a fault of the agent. */
export function bodyOf<S extends z.ZodType>(schema: S, raw: unknown): z.output<S> {
  const parsed = schema.safeParse(raw ?? {})
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  throw problem('bad_request', `${path.join('.') || 'The body'}: ${message}`)
}

/** An agent of the token's pool that gave a sign of life with this request. @throws problem 'not_found' */
async function liveAgent(ctx: Context): Promise<{ agentId: string; agentPoolId: string }> {
  const agentPoolId = poolOf(ctx)
  const agentId = ctx.params.agent_id!
  if (!looksLikeId(agentId, 'agent') || !(await touchAgent(ctx.app.db, agentId, agentPoolId)))
    throw problem('not_found')
  return { agentId, agentPoolId }
}

const json = { action: 'agent:work', plainBody: true, maxBodyBytes: 128 * 1024 } as const

agentWork.post('/agents', { ...json, answers: 201 }, async (ctx) => {
  const { app, input, koa } = ctx
  const agentPoolId = poolOf(ctx)
  const agent = bodyOf(Registration, input.raw)
  const id = newId('agent')
  // the queue of a pool that came from a restored database may be missing
  await app.queue.ensurePool(agentPoolId)
  await insertAgent(app.db, id, agentPoolId, { ...agent, address: koa.ip.replace(/^::ffff:/, '') })
  return { id }
})

agentWork.post('/agents/:agent_id/ping', json, async (ctx) => {
  await liveAgent(ctx)
})

agentWork.post('/agents/:agent_id/exit', json, async (ctx) => {
  const { status } = bodyOf(ExitRequest, ctx.input.raw)
  const id = ctx.params.agent_id!
  if (!looksLikeId(id, 'agent') || !(await endAgent(ctx.app.db, id, poolOf(ctx), status))) throw problem('not_found')
})

agentWork.post('/agents/:agent_id/take', json, async (ctx) => {
  const { app, koa, input } = ctx
  const { agentId, agentPoolId } = await liveAgent(ctx)
  const { waitSeconds, appliesOnly } = bodyOf(TakeRequest, input.raw)
  const gone = new AbortController()
  koa.res.once('close', () => gone.abort())
  const job = await waitForWork(app, agentPoolId, { appliesOnly, waitMs: waitSeconds * 1000, gone: gone.signal })
  if (!job) return undefined
  const { runId, phase } = job.data
  const offer = { agentPoolId, agentId, runId, phase, jobId: job.id, attempt: job.retryCount }
  return { offer: signCredential(app, 'agent-offer', offer), runId, phase }
})

/** 204: the run needs no execution any more. */
agentWork.post('/agents/:agent_id/start', json, async (ctx) => {
  const { app, koa, origin } = ctx
  const { agentId, agentPoolId } = await liveAgent(ctx)
  const offer = openCredential(app, 'agent-offer', koa.get(CREDENTIAL_HEADER), agentPoolId)
  if (offer.agentId !== agentId) throw problem('not_found')
  return (await lostAsGone(startPhase(app, offer, origin))) ?? undefined
})
