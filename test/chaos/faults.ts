import { setTimeout as sleep } from 'node:timers/promises'
import type { Process } from '../support/processes.ts'
import type { Stack } from '../support/stack.ts'
import type { FragilePostgres } from './postgres.ts'
import type { Random } from './random.ts'

/** Longer than a phase is a worker's without a sign of life. */
export const LONGER_THAN_LEASE_MS = 14_000

type Kind = 'webs' | 'workers' | 'jobs'

async function killOne(stack: Stack, kind: Kind, random: Random): Promise<string> {
  const victim = random.of<Process>(stack[kind])
  victim.kill('SIGKILL')
  await victim.ended
  return `kill -9 ${victim.name}`
}

/**
 * Starts what has ended, as a platform does: killed processes, and those that found no Postgres when they began. Their
 * beginning is a part of the storm, too.
 */
export function keepRunning(stack: Stack): { stop(): void } {
  const timer = setInterval(() => {
    for (const list of [stack.webs, stack.workers, stack.jobs]) {
      list.forEach((process, i) => {
        if (!process.isRunning()) list[i] = process.again()
      })
    }
  }, 700)
  return { stop: () => clearInterval(timer) }
}

/** A worker stands still for longer than its lease, and then goes on as if nothing had been. */
export async function freeze(worker: Process, ms = LONGER_THAN_LEASE_MS): Promise<void> {
  worker.kill('SIGSTOP')
  await sleep(ms)
  worker.kill('SIGCONT')
}

/** Faults one after the other, chance by the seed, until told to stop. Everything runs again when it resolves. */
export async function storm(
  stack: Stack,
  postgres: FragilePostgres,
  random: Random,
  until: AbortSignal,
  say: (text: string) => void,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const frozen: Promise<void>[] = []
  while (!until.aborted) {
    await sleep(400 + random.below(1600), undefined, { signal: until }).catch(() => undefined)
    if (until.aborted) break
    const dice = random.below(20)
    let what: string
    if (dice < 9) what = await killOne(stack, 'workers', random)
    else if (dice < 14) what = await killOne(stack, 'webs', random)
    else if (dice < 16) what = await killOne(stack, 'jobs', random)
    else if (dice < 18) {
      await postgres.crash()
      what = 'kill -9 postgres'
    } else {
      const worker = random.of(stack.workers)
      frozen.push(freeze(worker))
      what = `freeze ${worker.name}`
    }
    say(what)
    const kind = what.replace(/ \d+$/, '')
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  await Promise.all(frozen)
  return counts
}
