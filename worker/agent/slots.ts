import { setTimeout as sleep } from 'node:timers/promises'
import type { Offer, StartedPhase } from '../../shared/agents/protocol.ts'
import { TAKE_WAIT_SECONDS } from '../../shared/agents/protocol.ts'
import type { Config } from '../../shared/config.ts'
import type { Logger } from '../../shared/log.ts'
import { executePhase } from '../execute/execute.ts'
import { spawner } from '../execute/spawner.ts'
import { type AgentClient, backOffMs, Refused, Unreachable } from '../transport/agent-client.ts'
import { holdOverHttps } from '../transport/https.ts'
import type { Spool } from '../transport/spool.ts'
import type { Presence } from './registration.ts'

export interface Slots {
  /**
   * Takes no new work and waits for running phases. When the grace is over, plans are given back, and the engines of
   * applies are interrupted: they write their state, and their runs end canceled.
   */
  drain(graceMs: number): Promise<void>
}

export interface AgentParts {
  config: Config
  client: AgentClient
  spool: Spool
  presence: Presence
  log: Logger
}

/** As in a runner: `concurrency` slots for anything, and one more that only applies may use. */
export function openSlots(agent: AgentParts): Slots {
  const draining = new AbortController()
  const overdue = new AbortController()
  spawner.prepare()
  const signals = { draining: draining.signal, overdue: overdue.signal }
  const slots = Array.from({ length: agent.config.runner.concurrency + 1 }, (_, i) =>
    occupy(agent, i === agent.config.runner.concurrency, signals),
  )
  return {
    async drain(graceMs) {
      draining.abort()
      const timer = setTimeout(() => overdue.abort(), graceMs)
      await Promise.all(slots)
      clearTimeout(timer)
    },
  }
}

interface Signals {
  draining: AbortSignal
  /** The grace of running phases is over. */
  overdue: AbortSignal
}

async function occupy(agent: AgentParts, appliesOnly: boolean, signals: Signals): Promise<void> {
  const { draining } = signals
  for (let failures = 0; !draining.aborted; ) {
    try {
      const offer = await take(agent, appliesOnly, draining)
      if (offer && !draining.aborted) await runOffer(agent, offer, signals.overdue)
      failures = 0
    } catch (error) {
      if (draining.aborted) return
      agent.log.warn({ err: (error as Error).message }, 'agent: cannot work')
      await sleep(backOffMs(failures++ + 2), undefined, { signal: draining }).catch(() => {})
    }
  }
}

const take = (agent: AgentParts, appliesOnly: boolean, signal: AbortSignal): Promise<Offer | undefined> =>
  agent.client.json<Offer>({
    method: 'POST',
    path: `/agents/${agent.presence.agentId}/take`,
    body: { appliesOnly },
    timeoutMs: (TAKE_WAIT_SECONDS + 10) * 1000,
    signal,
  })

async function runOffer(agent: AgentParts, offer: Offer, overdue: AbortSignal): Promise<void> {
  const log = agent.log.child({ runId: offer.runId, phase: offer.phase })
  const start = await startOffer(agent, offer)
  if (!start) return
  const handle = holdOverHttps(agent.client, agent.spool, start.started, start.sentAt, log)
  const stop = () => handle.tell(offer.phase === 'plan' ? 'lost' : 'cancel')
  if (overdue.aborted) stop()
  else overdue.addEventListener('abort', stop, { once: true })
  try {
    await executePhase(agent.config, handle, log)
    if (overdue.aborted && offer.phase === 'plan' && handle.signal.reason === 'lost') await handle.giveBack()
  } catch (error) {
    // what was not reported ends with the lease: the server sees a lost worker
    log.error({ err: (error as Error).message }, 'agent: the phase could not be reported')
  } finally {
    overdue.removeEventListener('abort', stop)
    handle.release()
  }
}

const START_TRIES = 5

/** undefined: there is nothing to execute any more, or somebody else got it. */
async function startOffer(
  { client, presence }: AgentParts,
  { offer }: Offer,
): Promise<{ started: StartedPhase; sentAt: number } | undefined> {
  for (let attempt = 1; ; attempt++) {
    const sentAt = performance.now()
    try {
      const path = `/agents/${presence.agentId}/start`
      const started = await client.json<StartedPhase>({ method: 'POST', path, credential: offer, body: {} })
      return started && { started, sentAt }
    } catch (error) {
      if (error instanceof Refused && [404, 410].includes(error.status)) return undefined
      if (!(error instanceof Unreachable) || attempt === START_TRIES) throw error
      await sleep(backOffMs(attempt))
    }
  }
}
