import type { LeftStateAnswer } from '../../shared/agents/protocol.ts'
import type { Config } from '../../shared/config.ts'
import type { Logger } from '../../shared/log.ts'
import { type Leftovers, watchLeftovers } from '../execute/leftovers.ts'
import { type AgentClient, Refused } from '../transport/agent-client.ts'
import type { Spool } from '../transport/spool.ts'

/** Brings the server what applies of this disk left behind when their agent died. */
export const recoverOnAgent = (config: Config, client: AgentClient, spool: Spool, log: Logger): Leftovers =>
  watchLeftovers(
    config.workDir,
    {
      async ask(left) {
        try {
          return (await client.json<LeftStateAnswer>({ method: 'POST', path: '/left-states', body: left }))!.answer
        } catch (error) {
          // a server from before this request: the folder stays
          if (error instanceof Refused && error.status === 404) return 'unknown'
          throw error
        }
      },
      send: ({ sizeBytes, ...left }, bytes) => {
        const query = new URLSearchParams({ ...left, serial: `${left.serial}` })
        return spool.through(bytes, async ({ path: file }) => {
          const path = `/left-states?${query}`
          return (await client.json<LeftStateAnswer>({ method: 'PUT', path, body: { file, sizeBytes } }))!.answer
        })
      },
    },
    log,
  )
