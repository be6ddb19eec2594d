import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { startPostgres } from '../../db/embedded.ts'
import { type Cluster, startCluster } from '../support/postgres.ts'

/** A Postgres that keeps what it committed, however it ends, and comes back at the same address. */
export interface FragilePostgres extends Cluster {
  /** kill -9 of the server; it is back when the promise resolves. */
  crash(): Promise<void>
  /** Stops it for so long. */
  away(ms: number): Promise<void>
}

export async function startFragilePostgres(): Promise<FragilePostgres> {
  const cluster = await startCluster({ durable: true })
  // what was written survives the death of every process; only the machine's own would need more
  const client = new Client({ connectionString: cluster.url })
  await client.connect()
  await client.query('alter system set fsync = off')
  await client.query('select pg_reload_conf()')
  await client.end()
  const start = () => startPostgres({ dataDir: cluster.folder })
  const pid = async () =>
    Number((await readFile(join(cluster.folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0])
  return {
    ...cluster,
    async crash() {
      process.kill(await pid(), 'SIGKILL')
      await sleep(300)
      await start()
    },
    async away(ms) {
      await (await start()).stop()
      await sleep(ms)
      await start()
    },
  }
}
