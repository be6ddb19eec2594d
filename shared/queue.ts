import { PgBoss, type SendOptions } from 'pg-boss'
import { z } from 'zod'
import type { Tx } from '../db/pool.ts'
import type { Logger } from './log.ts'
import { superviseQueues } from './queue-supervision.ts'
import { type Payload, poolQueue, poolQueueOptions, type QueueName, queues } from './queues.ts'

/** pg-boss over a slonik transaction: the job commits or rolls back with the rows. */
export const bossDb = (tx: Tx): NonNullable<SendOptions['db']> => ({
  executeSql: async (text: string, values: unknown[] = []) => {
    const query = { type: 'SLONIK_TOKEN_QUERY', sql: text, values, parser: z.any() }
    return { rows: [...(await tx.query(query as never)).rows] }
  },
})

export interface QueueHandle {
  boss: PgBoss
  /** Enqueues within the transaction. */
  send<Q extends QueueName>(tx: Tx, queue: Q, payload: Payload<Q>, options?: SendOptions): Promise<void>
  sendToPool(tx: Tx, agentPoolId: string, payload: Payload<'runs'>, options?: SendOptions): Promise<void>
  ensurePool(agentPoolId: string): Promise<void>
  close(): Promise<void>
}

export interface QueueOptions {
  /** Only processes that consume need the listener; only `jobs` processes supervise for everybody. */
  listen: boolean
  supervise: boolean
  maxConnections?: number
}

export async function openQueue(databaseUrl: string, log: Logger, options: QueueOptions): Promise<QueueHandle> {
  const boss = new PgBoss({
    connectionString: databaseUrl,
    schema: 'pgboss',
    max: options.maxConnections ?? 4,
    useListenNotify: options.listen,
    // ours instead of the queue's own timer, see there
    supervise: false,
    schedule: options.supervise,
    superviseIntervalSeconds: 2,
    monitorIntervalSeconds: 2,
  })
  boss.on('error', (error) => log.error({ err: error.message }, 'queue error'))
  boss.on('warning', (warning) => log.debug({ warning: warning.message }, 'queue warning'))
  await boss.start()
  const supervision = options.supervise ? superviseQueues(boss, log) : undefined
  const pools = new Set<string>()
  const ensurePool = async (id: string) => {
    if (pools.has(id)) return
    await boss.createQueue(poolQueue(id), poolQueueOptions)
    pools.add(id)
  }

  return {
    boss,
    async send(tx, queue, payload, sendOptions = {}) {
      await boss.send(queue, payload as object, { ...sendOptions, db: bossDb(tx) })
    },
    async sendToPool(tx, agentPoolId, payload, sendOptions = {}) {
      await boss.send(poolQueue(agentPoolId), payload, { ...sendOptions, db: bossDb(tx) })
    },
    ensurePool,
    async close() {
      await supervision?.stop()
      await boss.stop({ graceful: false, close: true })
    },
  }
}

/** Creates the schema and every queue, or brings their options up to date. Part of `npm run release`. */
export async function createQueues(databaseUrl: string, log: Logger): Promise<void> {
  const handle = await openQueue(databaseUrl, log, { listen: false, supervise: false })
  try {
    // dead letter queues first: others refer to them
    const names = Object.keys(queues).sort(
      (a, b) =>
        Number('deadLetter' in queues[a as QueueName].options) - Number('deadLetter' in queues[b as QueueName].options),
    )
    for (const name of names as QueueName[]) {
      const { policy, ...changeable } = queues[name].options as { policy?: string } & Record<string, unknown>
      await handle.boss.createQueue(name, { policy, ...changeable } as never)
      await handle.boss.updateQueue(name, changeable as never)
    }
  } finally {
    await handle.close()
  }
}
