import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { PING_MS, type Registration } from '../../shared/agents/protocol.ts'
import { type Config, ConfigError } from '../../shared/config.ts'
import type { Logger } from '../../shared/log.ts'
import { listEngines } from '../execute/engines.ts'
import { type AgentClient, backOffMs, Refused, Unreachable } from '../transport/agent-client.ts'

export interface Presence {
  /** The id under which the server knows this agent now. */
  readonly agentId: string
  stop(status: 'exited' | 'errored'): Promise<void>
}

/** Makes this agent known and says from time to time that it lives; registers again when the server has forgotten it. */
export async function register(config: Config, client: AgentClient, version: string, log: Logger): Promise<Presence> {
  let agentId = await announce(config, client, version, log)
  let isPinging = false
  const ping = async () => {
    if (isPinging) return
    isPinging = true
    try {
      await client.json({ method: 'POST', path: `/agents/${agentId}/ping`, body: {} })
    } catch (error) {
      if (error instanceof Refused && error.status === 404) agentId = await announce(config, client, version, log)
      else log.warn({ err: (error as Error).message }, 'agent: a ping failed')
    } finally {
      isPinging = false
    }
  }
  const timer = setInterval(() => {
    ping().catch((error: Error) => log.error({ err: error.message }, 'agent: cannot register again'))
  }, PING_MS)
  return {
    get agentId() {
      return agentId
    },
    async stop(status) {
      clearInterval(timer)
      await client
        .json({ method: 'POST', path: `/agents/${agentId}/exit`, body: { status }, timeoutMs: 2000 })
        .catch((error: Error) => log.warn({ err: error.message }, 'agent: could not say good-bye'))
    },
  }
}

/** Waits for a server that is not there yet. @throws ConfigError for a token that is no agent token */
async function announce(config: Config, client: AgentClient, version: string, log: Logger): Promise<string> {
  const engines = (await listEngines(config)).map((engine) => ({ name: engine.name, version: engine.version }))
  const body: Registration = {
    name: config.runner.name ?? `${hostname()}-${process.pid}`,
    version,
    engines,
    labels: config.agent.labels,
    concurrency: config.runner.concurrency,
  }
  for (let attempt = 0; ; attempt++) {
    try {
      const { id } = (await client.json<{ id: string }>({ method: 'POST', path: '/agents', body }))!
      log.info({ id, name: body.name, concurrency: body.concurrency }, 'agent: registered')
      return id
    } catch (error) {
      if (error instanceof Refused && [401, 403, 404].includes(error.status))
        throw new ConfigError(`The server does not take TOFUTF_AGENT_TOKEN as the token of an agent pool.`)
      if (!(error instanceof Unreachable)) throw error
      log.warn({ err: error.message }, 'agent: cannot register yet')
      await sleep(backOffMs(attempt))
    }
  }
}
