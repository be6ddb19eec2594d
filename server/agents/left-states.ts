// What an agent found on its disk of an apply that was lost: shared/agents/protocol.ts. It needs the token of the pool.
import { BASE, type LeftStateAnswer, LeftStateQuery, LeftStateRequest } from '../../shared/agents/protocol.ts'
import { answerLeftRun, answerLeftState, recoverState } from '../../shared/states/recover.ts'
import { wholeUpload } from '../../shared/upload.ts'
import { Routes } from '../route.ts'
import { bodyOf, poolOf } from './work.ts'

export const agentLeftStates = new Routes(`${BASE}/left-states`)

const action = 'agent:work'

agentLeftStates.post('', { action, plainBody: true }, async (ctx): Promise<LeftStateAnswer> => {
  const by = { agentPoolId: poolOf(ctx) }
  const left = bodyOf(LeftStateRequest, ctx.input.raw)
  const state = LeftStateQuery.safeParse(left)
  return {
    answer: state.success ? await answerLeftState(ctx.app, state.data, by) : await answerLeftRun(ctx.app, left, by),
  }
})

agentLeftStates.put('', { action }, async (ctx): Promise<LeftStateAnswer> => {
  const by = { agentPoolId: poolOf(ctx) }
  const left = bodyOf(LeftStateQuery, ctx.query)
  return { answer: await recoverState(ctx.app, left, wholeUpload(ctx.koa.req), by) }
})
