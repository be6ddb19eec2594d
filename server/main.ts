import { openApp } from '../shared/app.ts'
import { ConfigError, readConfig } from '../shared/config.ts'
import { WrongSecret } from '../shared/data-keys.ts'
import { stopWhenParentGoes } from '../shared/parent.ts'
import { ensureSiteToken } from '../shared/users/first-run.ts'
import { createKoa } from './koa.ts'
import { listen } from './listen.ts'

const GRACE_MS = 5_000

async function main(): Promise<void> {
  const config = readConfig()
  const app = await openApp(config, 'web', { listen: false, supervise: false })
  await ensureSiteToken(app)
  const listening = await listen(config, createKoa(app).callback())
  app.log.info({ port: listening.port, url: config.url }, 'web: listening')
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await listening.close(GRACE_MS)
    await app.close()
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
  stopWhenParentGoes(() => void stop())
}

main().catch((error: NodeJS.ErrnoException) => {
  const known = error instanceof ConfigError || error instanceof WrongSecret
  if (error.code === 'EADDRINUSE')
    console.error(`web: the port is in use already (${error.message}). Set PORT to another one.`)
  else console.error(known ? `web: ${error.message}` : error)
  process.exit(1)
})
