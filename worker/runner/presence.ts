import { hostname } from 'node:os'
import { sql } from '../../db/sql.ts'
import type { App } from '../../shared/app.ts'
import { newId } from '../../shared/ids.ts'
import { productVersion } from '../../shared/version.ts'
import { listEngines } from '../execute/engines.ts'

const BEAT_MS = 10_000

/** Tells the server that this runner lives and which version it is, and which engines it has at hand. */
export async function announceRunner(app: App): Promise<{ stop(): Promise<void> }> {
  const id = newId('runner')
  const name = app.config.runner.name ?? `${hostname()}-${process.pid}`
  const beat = async () => {
    const engines = (await listEngines(app.config)).map(({ name, version }) => ({ name, version }))
    await app.db.query(sql.void`
      insert into runners (id, name, version, concurrency, engines)
      values (${id}, ${name}, ${productVersion}, ${app.config.runner.concurrency}, ${sql.jsonb(engines)})
      on conflict (id) do update
      set heartbeat_at = now(), engines = excluded.engines`)
  }
  await beat()
  const timer = setInterval(() => {
    beat().catch((error: Error) => app.log.warn({ err: error.message }, 'runner: heartbeat failed'))
  }, BEAT_MS)
  return {
    async stop() {
      clearInterval(timer)
      await app.db.query(sql.void`delete from runners where id = ${id}`).catch(() => {})
    },
  }
}
