/**
 * `npm run test:hostile`: HOSTILE_REQUESTS generated requests (20,000) from the seed HOSTILE_SEED against a server of our
 * own. Prints how many answered what; ends with 1 when one answered 500 or more, and tells each kind of it once.
 */
import { Agent } from 'node:http'
import fc from 'fast-check'
import { apiRoutes } from '../../server/routes.ts'
import { startServer } from '../support/server.ts'
import { type HostileRequest, hostileRequest } from './requests.ts'
import { changesOrganization, makeTarget, send } from './send.ts'

const requests = Number(process.env.HOSTILE_REQUESTS ?? 20_000)
const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 31)
/** Requests delete and lock things: after so many there is a new organization to attack. */
const BATCH = 250

const server = await startServer()
const agent = new Agent({ keepAlive: true })
const statuses = new Map<number, number>()
const spentMs = new Map<string, number>()
const worked = new Set<string>()
const failures = new Map<string, { count: number; first: HostileRequest; text: string }>()
console.log(`${requests} requests, seed ${seed}`)
try {
  let target = await makeTarget(server)
  for (let done = 0; done < requests; done += BATCH) {
    for (const hostile of fc.sample(hostileRequest, { numRuns: Math.min(BATCH, requests - done), seed: seed + done })) {
      const startMs = performance.now()
      const { status, text } = await send(server, target, hostile, agent).catch((error: Error) => ({
        status: 599,
        text: error.message,
      }))
      const route = `${hostile.method} ${hostile.path}`
      spentMs.set(route, (spentMs.get(route) ?? 0) + performance.now() - startMs)
      if (status < 300) worked.add(route)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status >= 500) note(hostile, status, text)
      if (status < 300 && changesOrganization(hostile)) target = await makeTarget(server)
    }
    target = await makeTarget(server)
  }
} finally {
  agent.destroy()
  await server.stop()
}

function note(hostile: HostileRequest, status: number, text: string): void {
  const kind = `${status} ${hostile.method} ${hostile.path}`
  const known = failures.get(kind)
  if (known) known.count++
  else failures.set(kind, { count: 1, first: hostile, text })
}

const slowest = [...spentMs].sort((a, b) => b[1] - a[1]).slice(0, 10)
for (const [route, ms] of slowest) console.log(`${(ms / 1000).toFixed(1).padStart(6)} s in all  ${route}`)
console.log(`${worked.size} of ${apiRoutes.length} routes did what they were asked at least once`)
for (const [status, count] of [...statuses].sort((a, b) => a[0] - b[0])) console.log(`${status}  ${count}`)
for (const [kind, { count, first, text }] of failures) {
  console.log(`\n${kind}  ${count} times\n${JSON.stringify(first).slice(0, 6000)}\n${text.slice(0, 500)}`)
}
console.log(failures.size === 0 ? 'no failure' : `${failures.size} kinds of failure`)
process.exit(failures.size === 0 ? 0 : 1)
