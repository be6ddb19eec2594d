import { readConfig } from '../shared/config.ts'
import { type Logger, openLog } from '../shared/log.ts'
import { createQueues } from '../shared/queue.ts'
import { migrate } from './migrate.ts'

/** Everything that a release does to the database before its processes start. Safe to repeat and to run twice at once. */
export async function release(databaseUrl: string, log: Logger, say: (line: string) => void): Promise<void> {
  await migrate(databaseUrl, say)
  await createQueues(databaseUrl, log)
}

// `npm run release`
if (import.meta.main) {
  try {
    const config = readConfig()
    if (!config.databaseUrl) throw new Error('DATABASE_URL is not set.')
    await release(config.databaseUrl, openLog(config.logLevel, { role: 'release' }), console.log)
    console.log('the database is up to date')
  } catch (error) {
    console.error(`release failed: ${(error as Error).message || (error as { code?: string }).code}`)
    process.exitCode = 1
  }
}
