import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Process, startProcess } from '../support/processes.ts'

/** A web process as the scripts of package.json start it, once it answers; without a limit of requests. */
export async function startWeb(env: Record<string, string>): Promise<{ url: string; web: Process }> {
  const port = await freePort()
  const web = startProcess('web', ['server/main.ts'], {
    MALLOC_ARENA_MAX: '2',
    MALLOC_MMAP_THRESHOLD_: '131072',
    PATH: process.env.PATH ?? '',
    PORT: `${port}`,
    TOFUTF_RATE_LIMIT: '0',
    TOFUTF_LOG_LEVEL: 'warn',
    ...env,
  })
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 600; i++) {
    if ((await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200) return { url, web }
    await sleep(50)
  }
  await web.stop()
  throw new Error(`the web process did not become ready\n${web.log()}`)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
