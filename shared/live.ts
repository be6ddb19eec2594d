import { EventEmitter } from 'node:events'
import pg from 'pg'
import type { Tx } from '../db/pool.ts'
import { sql } from '../db/sql.ts'
import type { Logger } from './log.ts'

/**
 * NOTIFY to subscribers. One dedicated connection per process LISTENs on one channel; a message is
 * `topic payload`. Delivery is best effort: while the connection is down messages are lost, so every
 * subscriber also looks by itself from time to time; 'reconnected' tells it to look now.
 */
export interface Live {
  subscribe(topic: string, listener: (payload: string) => void): () => void
  close(): Promise<void>
}

/** The one channel; a message is `topic payload`. */
export const LIVE_CHANNEL = 'tofutf_live'

/** Sent with the transaction's commit. The payload must stay small (Postgres takes 8,000 bytes): ids, not contents. */
export const notify = (tx: Tx, topic: string, payload = ''): Promise<unknown> =>
  tx.query(sql.void`select pg_notify(${LIVE_CHANNEL}, ${`${topic} ${payload}`})`)

/** Several at once, in one statement. */
export const notifyAll = (tx: Tx, messages: readonly (readonly [topic: string, payload: string])[]): Promise<unknown> =>
  tx.query(sql.void`
    select pg_notify(${LIVE_CHANNEL}, message)
    from unnest(${sql.array(
      messages.map(([topic, payload]) => `${topic} ${payload}`),
      'text',
    )}) as message`)

export async function openLive(databaseUrl: string, log: Logger): Promise<Live> {
  const emitter = new EventEmitter()
  emitter.setMaxListeners(0)
  let closed = false
  let client: pg.Client | undefined
  let retry: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: databaseUrl, keepAlive: true, connectionTimeoutMillis: 5000 })
    let gone = false
    const lost = (error?: Error) => {
      if (gone || closed) return
      gone = true
      if (client === next) client = undefined
      log.warn({ err: error?.message }, 'live updates: database connection lost, reconnecting')
      void next.end().catch(() => {})
      retry = setTimeout(() => void connect().catch(lost2), 500)
    }
    const lost2 = () => {
      if (!closed) retry = setTimeout(() => void connect().catch(lost2), 1000)
    }
    next.on('error', lost)
    next.on('end', () => lost())
    next.on('notification', (message) => {
      const text = message.payload ?? ''
      const space = text.indexOf(' ')
      emitter.emit(text.slice(0, space), text.slice(space + 1))
    })
    try {
      await next.connect()
      await next.query(`listen ${LIVE_CHANNEL}`)
    } catch (error) {
      gone = true
      void next.end().catch(() => {})
      throw error
    }
    if (closed) return void next.end()
    client = next
    emitter.emit('reconnected', '')
  }

  await connect()
  return {
    subscribe(topic, listener) {
      emitter.on(topic, listener)
      return () => emitter.off(topic, listener)
    },
    async close() {
      closed = true
      clearTimeout(retry)
      await client?.end().catch(() => {})
    },
  }
}
