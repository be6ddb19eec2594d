// What an agent does with a phase it holds: shared/agents/protocol.ts. Every route needs the token of the agent's pool
// and the credential of this phase.
import type { Readable } from 'node:stream'
import { z } from 'zod'
import { type HeldByAgent, openCredential } from '../../shared/agents/credential.ts'
import {
  appendLogAt,
  finishHeld,
  giveBack,
  heartbeat,
  keepForAgent,
  readArtifact,
  readConfiguration,
  readState,
  storeStateForAgent,
} from '../../shared/agents/held-phase.ts'
import {
  BASE,
  CREDENTIAL_HEADER,
  FinishRequest,
  LOG_CHUNK_BYTES,
  phaseResult,
  planArtifacts,
  StateQuery,
} from '../../shared/agents/protocol.ts'
import { problem } from '../../shared/errors.ts'
import type { PlanArtifact } from '../../shared/phase.ts'
import { wholeUpload } from '../../shared/upload.ts'
import { readBody } from '../jsonapi/body.ts'
import { type Context, Routes } from '../route.ts'
import { lostAsGone } from './lost.ts'
import { bodyOf, poolOf } from './work.ts'

export const agentPhases = new Routes(`${BASE}/phases/:phase_id`)

const action = 'agent:work'

/** @throws problem 'not_found' for another phase's credential, and for none */
function heldPhase(ctx: Context): HeldByAgent {
  const held = openCredential(ctx.app, 'agent-phase', ctx.koa.get(CREDENTIAL_HEADER), poolOf(ctx))
  if (held.phaseId !== ctx.params.phase_id) throw problem('not_found')
  return held
}

function artifactName({ params }: Context): PlanArtifact {
  const name = planArtifacts.find((known) => known === params.name)
  if (!name) throw problem('not_found')
  return name
}

/** 204: there is none. */
async function send({ koa }: Context, reading: Promise<Readable | null>): Promise<void> {
  const bytes = await lostAsGone(reading)
  if (!bytes) return
  koa.type = 'application/octet-stream'
  koa.body = bytes
}

agentPhases.get('/configuration', { action }, (ctx) => send(ctx, readConfiguration(ctx.app, heldPhase(ctx))))
agentPhases.get('/state', { action }, (ctx) => send(ctx, readState(ctx.app, heldPhase(ctx))))
agentPhases.get('/artifacts/:name', { action }, (ctx) =>
  send(ctx, readArtifact(ctx.app, heldPhase(ctx), artifactName(ctx))),
)

agentPhases.put('/artifacts/:name', { action }, async (ctx) => {
  const held = heldPhase(ctx)
  await lostAsGone(keepForAgent(ctx.app, held, artifactName(ctx), wholeUpload(ctx.koa.req)))
})

agentPhases.put('/state', { action }, async (ctx) => {
  const held = heldPhase(ctx)
  const { size, ...meta } = bodyOf(StateQuery, ctx.query)
  await lostAsGone(storeStateForAgent(ctx.app, held, { ...meta, sizeBytes: size }, wholeUpload(ctx.koa.req)))
})

agentPhases.post('/log', { action }, async (ctx) => {
  const held = heldPhase(ctx)
  const { offset } = bodyOf(z.object({ offset: z.coerce.number().int().min(0) }), ctx.query)
  const bytes = await readBody(ctx.koa.req, LOG_CHUNK_BYTES)
  if (!ctx.koa.req.complete) throw problem('bad_request', 'The log piece broke off. Send it again.')
  await lostAsGone(appendLogAt(ctx.app, held, offset, bytes))
})

agentPhases.post('/heartbeat', { action }, async (ctx) => ({
  stop: await lostAsGone(heartbeat(ctx.app, heldPhase(ctx))),
}))

/** The agent stops before its plan is done. */
agentPhases.post('/release', { action, plainBody: true }, async (ctx) => {
  await lostAsGone(giveBack(ctx.app, heldPhase(ctx)))
})

agentPhases.post('/finish', { action, plainBody: true }, async (ctx) => {
  const held = heldPhase(ctx)
  const result = phaseResult(bodyOf(FinishRequest, ctx.input.raw))
  await lostAsGone(finishHeld(ctx.app, held, result))
})
