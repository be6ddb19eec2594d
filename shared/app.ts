import { openPool, type Pool } from '../db/pool.ts'
import { openRecall } from './access/recall.ts'
import { type Blobs, openBlobs } from './blobs.ts'
import { type Config, ConfigError } from './config.ts'
import { keepDataKeysFresh } from './keep-keys.ts'
import { type Live, openLive } from './live.ts'
import { type Logger, openLog } from './log.ts'
import { openQueue, type QueueHandle, type QueueOptions } from './queue.ts'
import { openSecrets, type Secrets } from './secrets.ts'

/** What everything takes as its first argument. */
export interface App {
  config: Config
  db: Pool
  queue: QueueHandle
  blobs: Blobs
  secrets: Secrets
  live: Live
  log: Logger
  now: () => Date
  close(): Promise<void>
}

/** @throws ConfigError or WrongSecret with a sentence for the operator */
export async function openApp(config: Config, role: string, queueOptions: QueueOptions): Promise<App> {
  if (!config.databaseUrl) throw new ConfigError('DATABASE_URL is not set. `npm start` runs a database of its own.')
  if (!config.secret)
    throw new ConfigError(
      'TOFUTF_SECRET is not set. Give it at least 16 random characters, the same for every process.',
    )
  const log = openLog(config.logLevel, { role })
  const { interceptor, serve, forget } = openRecall()
  const db = await openPool(config.databaseUrl, { maxConnections: config.dbPool, interceptors: [interceptor] })
  serve(db)
  try {
    const secrets = await openSecrets(db, config.secret, config.previousSecrets)
    const queue = await openQueue(config.databaseUrl, log, queueOptions)
    const live = await openLive(config.databaseUrl, log)
    // before every stream's own listener
    live.subscribe('access', forget)
    const blobs = openBlobs(db, secrets)
    const unwatch = keepDataKeysFresh(secrets, live, log)
    const close = async () => {
      unwatch()
      await live.close()
      await queue.close()
      await db.end()
    }
    return { config, db, queue, blobs, secrets, live, log, now: () => new Date(), close }
  } catch (error) {
    await db.end()
    throw error
  }
}
