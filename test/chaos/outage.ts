import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { freeze } from './faults.ts'
import type { World } from './world.ts'

const StatusRow = z.object({ status: z.string() })

const statusOf = async ({ db }: World, runId: string): Promise<string> =>
  (await db.one(sql.type(StatusRow)`select status from runs where id = ${runId}`)).status

async function untilStatus(world: World, runId: string, ...wanted: string[]): Promise<void> {
  for (const until = Date.now() + 90_000; ; await sleep(100)) {
    const status = await statusOf(world, runId)
    if (wanted.includes(status)) return
    if (Date.now() > until || ['errored', 'canceled'].includes(status))
      throw new Error(`${runId} is ${status}, not ${wanted}\n${world.stack.logs().slice(-4000)}`)
  }
}

const ByteRow = z.object({ log: z.string() })

async function logOf({ db }: World, runId: string, kind: 'plan' | 'apply'): Promise<string> {
  const { log } = await db.one(sql.type(ByteRow)`
    select convert_from(string_agg(c.data, ''::bytea order by c.start_offset), 'UTF8') as log
    from phases p
    join log_chunks c on c.phase_id = p.id
    where p.run_id = ${runId} and p.kind = ${kind}`)
  return log
}

const resource = (seconds: number) => ({
  'main.tf': `
    resource "terraform_data" "first" {}
    resource "terraform_data" "long" {
      depends_on = [terraform_data.first]
      provisioner "local-exec" { command = "sleep ${seconds}" }
    }`,
})

/**
 * Postgres is away while a plan and two applies, one of real terraform, are at work. No process is started again: all
 * of them end well, with whole logs.
 */
export async function outage(world: World, ms: number, terraform: string): Promise<void> {
  const seconds = Math.ceil(ms / 2000)
  const [planned, applied, real] = await Promise.all([
    world.makeWorkspace({ env: { CHAOS_SLEEP: `${seconds}` } }),
    world.makeWorkspace({ env: { CHAOS_SLEEP: `${seconds}` } }),
    world.makeWorkspace({ engineVersion: terraform, files: resource(seconds) }),
  ])
  const runs = [await world.startRun(applied), await world.startRun(real)]
  for (const run of runs) await untilStatus(world, run, 'applying')
  const planning = await world.startRun(planned)
  await untilStatus(world, planning, 'planning')
  await sleep(1000)

  const away = world.postgres.away(ms)
  await sleep(ms / 2)
  await expectHealth(world, 503)
  await away
  await expectHealth(world, 200)

  for (const run of [...runs, planning]) await untilStatus(world, run, 'applied')
  for (const [run, kind, last] of [
    [planning, 'plan', 'Planned.\n'],
    [runs[0]!, 'apply', 'Apply complete!\n'],
  ] as const) {
    const log = await logOf(world, run, kind)
    if (!log.startsWith('\u0002') || !log.endsWith(`${last}\u0003`))
      throw new Error(`the log of ${run} is not whole: ${JSON.stringify(log)}`)
  }
}

async function expectHealth({ stack }: World, status: number): Promise<void> {
  for (const url of stack.urls) {
    let last = 0
    for (const until = Date.now() + 10_000; last !== status && Date.now() < until; await sleep(200))
      last = (await fetch(`${url}/healthz`).catch(() => undefined))?.status ?? 0
    if (last !== status) throw new Error(`${url}/healthz answers ${last}, not ${status}`)
  }
}

const HolderRow = z.object({ claimed_by: z.string() })

/**
 * The worker of an apply stands still for longer than its lease. Its run is given up, and when it goes on it finds its
 * claim lost: nothing it does counts, but what its engine wrote is not lost.
 */
export async function frozenApply(world: World): Promise<void> {
  const run = await world.startRun(await world.makeWorkspace({ env: { CHAOS_SLEEP: '4' } }))
  await untilStatus(world, run, 'applying')
  const { claimed_by } = await world.db.one(sql.type(HolderRow)`
    select claimed_by
    from phases
    where run_id = ${run} and kind = 'apply'`)
  const worker = world.stack.workers[Number(claimed_by.split('-')[1]) - 1]!

  await freeze(worker, 20_000)
  await sleep(2000)

  if ((await statusOf(world, run)) !== 'errored') throw new Error(`${run} is ${await statusOf(world, run)}`)
}
