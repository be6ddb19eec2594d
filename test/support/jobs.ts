import { openApp } from '../../shared/app.ts'
import { startJobs } from '../../worker/jobs.ts'
import type { TestServer } from './server.ts'

/** A jobs process of its own on the server's database, in this process. */
export async function startJobsFor(server: TestServer): Promise<{ stop(): Promise<void> }> {
  const app = await openApp(server.app.config, 'jobs', { listen: true, supervise: true })
  await startJobs(app)
  return { stop: () => app.close() }
}

/** Asks again and again until the answer is not undefined. @throws after `timeoutMs` */
export async function eventually<T>(ask: () => Promise<T | undefined> | T | undefined, timeoutMs = 10_000): Promise<T> {
  for (const until = Date.now() + timeoutMs; ; ) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > until) throw new Error(`waited ${timeoutMs} ms in vain`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
