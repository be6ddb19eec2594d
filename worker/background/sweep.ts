import type { QuerySqlToken } from 'slonik'
import { sql } from '../../db/sql.ts'
import type { App } from '../../shared/app.ts'
import { expirePlanExports } from '../../shared/plan-exports/exports.ts'
import { cutMissed } from '../../shared/plans/store.ts'
import { expireData } from '../../shared/retention/expire.ts'
import { deleteOldRuns } from '../../shared/retention/old-runs.ts'
import { dispatchMissed, promoteMissed, replaceVanishedJobs } from '../../shared/runs/repair.ts'
import { discardUnconfirmed, endInterrupted, interruptOverdue } from '../../shared/runs/time-limits.ts'
import { destroyIdle } from './auto-destroy.ts'
import { removeUnusedBlobs } from './unused-blobs.ts'

/** @returns how much it repaired or removed */
type Sweep = (app: App) => Promise<number>

const EACH_MINUTE = '* * * * *'
const EACH_QUARTER = '*/15 * * * *'

/** Repairs what dead processes left undone, and ends what takes too long. Each is idempotent and bounded. */
export const sweeps: Record<string, { cron: string; run: Sweep }> = {
  'missed-promotions': { cron: EACH_MINUTE, run: promoteMissed },
  'missed-dispatches': { cron: EACH_MINUTE, run: dispatchMissed },
  'vanished-jobs': { cron: EACH_MINUTE, run: (app) => replaceVanishedJobs(app) },
  'overdue-phases': {
    cron: EACH_MINUTE,
    run: async (app) => (await interruptOverdue(app)) + (await endInterrupted(app)),
  },
  'unconfirmed-plans': { cron: EACH_MINUTE, run: discardUnconfirmed },
  'auto-destroy': { cron: EACH_MINUTE, run: (app) => uncounted(destroyIdle(app)) },
  'old-runs': { cron: EACH_MINUTE, run: deleteOldRuns },
  retention: { cron: EACH_MINUTE, run: (app) => uncounted(expireData(app)) },
  'plan-exports': { cron: EACH_QUARTER, run: expirePlanExports },
  'uncut-plans': { cron: EACH_MINUTE, run: cutMissed },
  'lost-workers': { cron: EACH_MINUTE, run: removeLostWorkers },
  'expired-credentials': { cron: EACH_QUARTER, run: removeExpired },
  'unused-blobs': { cron: EACH_QUARTER, run: removeUnusedBlobs },
}

/** Does one sweep, or all of them, and keeps a record for the metrics. @throws Error the first failure, after the rest */
export async function sweep(app: App, name?: string): Promise<void> {
  const failures: Error[] = []
  for (const [known, { run }] of Object.entries(sweeps)) {
    if (name !== undefined && name !== known) continue
    const start = performance.now()
    try {
      const repaired = await run(app)
      await record(app, known, repaired, performance.now() - start, null)
    } catch (error) {
      await record(app, known, 0, performance.now() - start, (error as Error).message)
      failures.push(error as Error)
    }
  }
  if (failures[0]) throw failures[0]
}

const record = (app: App, name: string, repaired: number, ms: number, error: string | null) =>
  app.db.query(sql.void`
    insert into sweeps as s (name, runs, repaired, last_run_at, last_ms, last_error)
    values (${name}, 1, ${repaired}, now(), ${Math.round(ms)}, ${error})
    on conflict (name) do update
    set runs = s.runs + 1, repaired = s.repaired + excluded.repaired, last_run_at = excluded.last_run_at,
      last_ms = excluded.last_ms, last_error = excluded.last_error`)

const uncounted = async (work: Promise<void>): Promise<number> => {
  await work
  return 0
}

const deleted = async (app: App, query: QuerySqlToken): Promise<number> => (await app.db.query(query)).rowCount

async function removeLostWorkers(app: App): Promise<number> {
  const runners = await deleted(app, sql.void`delete from runners where heartbeat_at < now() - interval '5 minutes'`)
  return runners + (await deleted(app, sql.void`delete from agents where last_ping_at < now() - interval '1 day'`))
}

/** Expired tokens stay a month: their owners see that they expired. */
async function removeExpired(app: App): Promise<number> {
  let count = await deleted(app, sql.void`delete from sessions where expires_at < now()`)
  count += await deleted(app, sql.void`delete from oauth_codes where expires_at < now() - interval '1 day'`)
  count += await deleted(app, sql.void`delete from tokens where expired_at < now() - interval '30 days'`)
  return count
}
