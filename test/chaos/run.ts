/**
 * `npm run test:chaos [-- SEED]`: processes, Postgres and workers are killed, stopped and frozen at random during 200
 * runs on 20 workspaces (QUEUE-09, QUEUE-10, QUEUE-21, QUEUE-36 among others). The same seed brings the same faults.
 * CHAOS_RUNS, CHAOS_WORKSPACES and CHAOS_OUTAGE (seconds) make it smaller. Not part of `npm test`: it wants the machine
 * for itself, since a starved process looks like a dead one.
 */
import { chaos } from './chaos.ts'

const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 1e6))
const startedAt = performance.now()
const result = await chaos({
  seed,
  workspaces: Number(process.env.CHAOS_WORKSPACES ?? 20),
  runs: Number(process.env.CHAOS_RUNS ?? 200),
  webs: 2,
  runners: 3,
  outageMs: Number(process.env.CHAOS_OUTAGE ?? 60) * 1000,
  say: (text) => console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)}  ${text}`),
})
console.log(`seed ${seed}: ${result.applied} applied, ${result.lost} lost with their worker, in ${result.seconds} s`)
console.table(result.killed)
for (const fault of result.faults) console.error(`FAULT ${fault}`)
console.log(result.faults.length === 0 ? 'everything holds' : `${result.faults.length} faults`)
process.exit(result.faults.length === 0 ? 0 : 1)
