import { pino } from 'pino'
import { executePhase } from '../../worker/execute/execute.ts'
import { archiveOf, MemoryPhase } from './fake-handle.ts'
import { applyOf, makePlace, workOf } from './phases.ts'

/**
 * Prints what the executor adds to the engine's own time, per phase: from the call to finish, minus the time of the
 * commands that must follow one another (init, plan, and the longer of show and providers schema; init, apply).
 */
const place = await makePlace()
const archive = await archiveOf({ 'main.tf': 'resource "terraform_data" "a" {}\n' })
let engineMs = 0
const log = pino(
  { level: 'info' },
  {
    write: (line: string) => {
      engineMs = JSON.parse(line).engineMs
    },
  },
)
const rows: { phase: string; totalMs: number; engineMs: number; oursMs: number }[] = []
for (let round = 0; round < 22; round++) {
  const planned = new MemoryPhase(workOf({ structuredOutput: true }), archive)
  for (const phase of [planned, applyOf(planned)]) {
    if (phase !== planned) for (const [name, bytes] of planned.artifacts) phase.artifacts.set(name, bytes)
    const startedAt = performance.now()
    let finishedAt = 0
    const finish = phase.finish.bind(phase)
    phase.finish = async (result) => {
      finishedAt = performance.now()
      await finish(result)
    }
    await executePhase(place.config, phase, log)
    const totalMs = finishedAt - startedAt
    rows.push({ phase: phase.work.phase, totalMs, engineMs, oursMs: totalMs - engineMs })
  }
}
for (const name of ['plan', 'apply']) {
  // The first two rounds ask the engine for its version and warm the caches.
  const own = rows.filter(({ phase }) => phase === name).slice(2)
  const median = (key: 'totalMs' | 'engineMs' | 'oursMs') =>
    own.map((row) => row[key]).sort((a, b) => a - b)[own.length / 2]!
  console.log(
    `${name}: total ${median('totalMs').toFixed(0)} ms, engine ${median('engineMs').toFixed(0)} ms, ours ${median('oursMs').toFixed(1)} ms (medians of ${own.length})`,
  )
}
await place.remove()
