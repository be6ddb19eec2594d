import { setTimeout as sleep } from 'node:timers/promises'
import { clients } from '../support/clients.ts'
import { keepRunning, storm } from './faults.ts'
import { frozenApply, outage } from './outage.ts'
import { findFaults, selectRuns, untilAllEnded, untilRecovered } from './proofs.ts'
import { seeded } from './random.ts'
import { makeWorld } from './world.ts'

export interface ChaosOptions {
  seed: number
  workspaces: number
  runs: number
  webs: number
  runners: number
  /** How long Postgres is stopped. */
  outageMs: number
  say(text: string): void
}

export interface ChaosResult {
  faults: string[]
  killed: Record<string, number>
  applied: number
  lost: number
  seconds: number
}

/** A storm over short runs, then an outage, then a frozen worker; afterwards everything must hold that holds otherwise. */
export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const { say } = options
  const startedAt = performance.now()
  const random = seeded(options.seed)
  const world = await makeWorld({ webs: options.webs, runners: options.runners, concurrency: 3 })
  try {
    const workspaces: string[] = []
    for (let i = 0; i < options.workspaces; i++) workspaces.push(await world.makeWorkspace())
    say(`${options.workspaces} workspaces, ${options.runners} runners, seed ${options.seed}`)

    const platform = keepRunning(world.stack)
    const over = new AbortController()
    const blowing = storm(world.stack, world.postgres, seeded(options.seed + 1), over.signal, say)
    for (let i = 0; i < options.runs; i++) {
      await world.startRun(random.of(workspaces))
      await sleep(random.below(300))
    }
    say(`${options.runs} runs are made`)
    await sleep(5000)
    over.abort()
    const killed = await blowing
    await untilAllEnded(world, 240_000)
    platform.stop()
    say('the storm is over, every run has ended')

    await outage(world, options.outageMs, (await clients()).versions.terraform)
    say(`Postgres was away for ${options.outageMs / 1000} s`)
    await frozenApply(world)
    say('a frozen worker lost its apply')
    await untilAllEnded(world, 60_000)
    await untilRecovered(world)

    const runs = await selectRuns(world)
    return {
      faults: await findFaults(world),
      killed,
      applied: runs.filter((run) => run.status === 'applied').length,
      lost: runs.filter((run) => run.status === 'errored').length,
      seconds: Math.round((performance.now() - startedAt) / 1000),
    }
  } finally {
    await world.end()
  }
}
