import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/ports.ts'
import { type Process, startProcess } from '../support/processes.ts'

/** The memory settings of the scripts of package.json. */
export const lean = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072', PATH: process.env.PATH ?? '' }

/** A web process as the scripts of package.json start it, once it answers; without a limit of requests. */
export async function startWeb(
  env: Record<string, string>,
  nodeOptions: readonly string[] = [],
): Promise<{ url: string; web: Process }> {
  const port = await freePort()
  const web = startProcess('web', [...nodeOptions, 'server/main.ts'], {
    ...lean,
    PORT: `${port}`,
    TOFUTF_RATE_LIMIT: '0',
    TOFUTF_LOG_LEVEL: 'warn',
    ...env,
  })
  const url = `http://127.0.0.1:${port}`
  await untilAnswers(web, `${url}/readyz`, 200)
  return { url, web }
}

/** @param status any, when it is not given */
export async function untilAnswers(server: Process, url: string, status?: number): Promise<void> {
  for (let i = 0; i < 600; i++) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer && (status === undefined || answer.status === status)) return
    await sleep(50)
  }
  await server.stop()
  throw new Error(`${server.name} did not become ready\n${server.log()}`)
}
