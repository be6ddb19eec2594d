import { createWriteStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { LOG_CHUNK_BYTES, type StartedPhase } from '../../shared/agents/protocol.ts'
import type { Logger } from '../../shared/log.ts'
import type { PhaseHandle, PhaseResult } from '../../shared/phase.ts'
import { type AgentClient, Unreachable } from './agent-client.ts'
import { Lease } from './lease.ts'
import type { Spool } from './spool.ts'

const STREAM_TIMEOUT_MS = 60_000
const MAX_REASON = 10_000

export interface RemoteHandle extends PhaseHandle {
  /** The agent itself wishes the phase to stop. */
  tell(wish: 'cancel' | 'lost'): void
  /** Gives a plan back, to be taken by another agent at once. Its engine has stopped. */
  giveBack(): Promise<void>
  release(): void
}

/**
 * A held phase of a remote agent. Every request may be repeated without harm, and is, while the lease lives: log pieces
 * name their offset, files lie on disk until the server has them.
 */
export function holdOverHttps(
  client: AgentClient,
  spool: Spool,
  started: StartedPhase,
  provenAt: number,
  log: Logger,
): RemoteHandle {
  const lease = new Lease(client, started, provenAt, log)
  let logOffset = started.logOffset
  let logging: Promise<void> = Promise.resolve()

  const download = (path: string): Promise<Readable | null> =>
    spool.read((file) =>
      lease.persist(async () => {
        const answer = await client.send(lease.call('GET', path, { timeoutMs: STREAM_TIMEOUT_MS }))
        if (answer.statusCode === 204) {
          answer.resume()
          return false
        }
        await pipeline(answer, createWriteStream(file, { mode: 0o600 })).catch((error: NodeJS.ErrnoException) => {
          if (error.syscall === 'write' || error.syscall === 'open') throw error
          throw new Unreachable(`a download broke off: ${error.message}`, { cause: error })
        })
        return true
      }),
    )

  const required = async (path: string, what: string): Promise<Readable> => {
    const bytes = await download(path)
    if (!bytes) throw new Error(`the server has no ${what} for this run`)
    return bytes
  }

  const upload = (path: string, bytes: Readable): Promise<void> =>
    spool.through(bytes, ({ path: file, sizeBytes }) =>
      lease.persist(async () => {
        await client.json(lease.call('PUT', path, { body: { file, sizeBytes }, timeoutMs: STREAM_TIMEOUT_MS }))
      }),
    )

  async function append(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += LOG_CHUNK_BYTES) {
      const piece = bytes.subarray(at, at + LOG_CHUNK_BYTES)
      await lease.persist(() => client.json(lease.call('POST', `/log?offset=${logOffset}`, { body: piece })))
      logOffset += piece.length
    }
  }

  return {
    work: started.work,
    signal: lease.signal,
    onStop: (listener) => lease.listen(listener),
    configuration: () => required('/configuration', 'configuration'),
    state: () => required('/state', 'state'),
    artifact: (name) => download(`/artifacts/${name}`),
    log(bytes) {
      logging = logging.then(() => append(bytes))
      return logging
    },
    keep: (name, bytes) => upload(`/artifacts/${name}`, bytes),
    uploadState({ serial, lineage, md5, sizeBytes, intermediate }, bytes) {
      const query = new URLSearchParams({
        serial: `${serial}`,
        lineage,
        md5,
        size: `${sizeBytes}`,
        intermediate: `${intermediate}`,
      })
      return upload(`/state?${query}`, bytes)
    },
    async finish(result: PhaseResult) {
      const body = result.outcome === 'errored' ? { ...result, reason: result.reason.slice(0, MAX_REASON) } : result
      await lease.persist(() => client.json(lease.call('POST', '/finish', { body })))
    },
    tell: (wish) => lease.tell(wish),
    async giveBack() {
      await client.json(lease.call('POST', '/release', { body: {} }))
    },
    release: () => lease.release(),
  }
}
