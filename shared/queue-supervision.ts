import type { PgBoss } from 'pg-boss'
import type { Logger } from './log.ts'

const EVERY_MS = 2000
/** Longer between two looks than this: the database was away, or this process was. */
const GAP_MS = 6000
/** Time for every live worker to say again that it lives (their heartbeats are 2 and 3 s apart). */
const GRACE_MS = 10_000

/**
 * Finds jobs whose worker was lost. Not by the queue's own timer: after an outage of the database no worker could say
 * that it lives, and all their jobs would be given up at once, applies that go on included. So the first look after an
 * outage waits until they had the chance.
 */
export function superviseQueues(boss: PgBoss, log: Logger): { stop(): Promise<void> } {
  let lookedAt: number | undefined
  let graceUntil = 0
  let isStopped = false
  let timer: NodeJS.Timeout | undefined

  async function look(): Promise<void> {
    // throws while the database is away
    const startedMs = await sinceStart(boss)
    const now = performance.now()
    if (lookedAt !== undefined && now - lookedAt > GAP_MS) graceUntil = now + GRACE_MS
    lookedAt = now
    if (now < graceUntil || startedMs < GRACE_MS) return
    await boss.supervise()
    lookedAt = performance.now()
  }

  async function loop(): Promise<void> {
    while (!isStopped) {
      await look().catch((error: Error) => log.warn({ err: error.message }, 'cannot look after the queues'))
      if (isStopped) return
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, EVERY_MS)
        wake = resolve
      })
    }
  }
  let wake = () => {}
  const looping = loop()
  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      wake()
      await looping
    },
  }
}

/** Milliseconds since the database server was started. */
async function sinceStart(boss: PgBoss): Promise<number> {
  const { rows } = await boss
    .getDb()
    .executeSql('select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 * 1000 as ms')
  return Number(rows[0].ms)
}
