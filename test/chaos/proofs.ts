import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { processesBelow } from '../support/processes.ts'
import type { World } from './world.ts'

const finals = ['applied', 'errored', 'canceled', 'discarded', 'planned_and_finished']

const RunRow = z.object({
  id: z.string(),
  workspace: z.string(),
  number: z.number(),
  status: z.string(),
  error_reason: z.string().nullable(),
})
export type ChaosRun = z.output<typeof RunRow>

export const selectRuns = ({ db }: World): Promise<readonly ChaosRun[]> =>
  db.any(sql.type(RunRow)`
    select r.id, w.name as workspace, r.number, r.status, r.error_reason
    from runs r
    join workspaces w on w.id = r.workspace_id
    order by w.name, r.number`)

/** @throws Error that names the runs that did not end in time */
export async function untilAllEnded(world: World, ms: number): Promise<void> {
  for (const until = Date.now() + ms; ; await sleep(500)) {
    const open = (await selectRuns(world)).filter((run) => !finals.includes(run.status))
    if (open.length === 0) return
    if (Date.now() > until) {
      const some = open.slice(0, 5).map((run) => `${run.id} (${run.workspace} #${run.number}) ${run.status}`)
      const held = await heldPhases(world)
      throw new Error(
        `${open.length} runs are stuck: ${some.join(', ')}\n${held.join('\n')}\n${world.stack.logs().slice(-6000)}`,
      )
    }
  }
}

/** What the queue and the machine know of the phases that somebody holds. */
async function heldPhases({ db, stack }: World): Promise<string[]> {
  const rows = await db.any(sql.type(z.unknown())`
    select p.run_id, p.kind, p.claimed_by, now() - p.started_at as since, j.state as job, j.heartbeat_on, j.retry_count
    from phases p
    left join pgboss.job j on j.id = p.job_id
    where p.status = 'running'`)
  const runners = await db.any(sql.type(z.unknown())`select name, now() - heartbeat_at as silent from runners`)
  const engines = processesBelow(stack.workDir).map((pid) => `engine process ${pid}`)
  return [...[...rows, ...runners].map((row) => JSON.stringify(row)), ...engines]
}

/** The folders of lost applies are worked off by and by. */
export async function untilRecovered({ stack }: World, ms = 60_000): Promise<void> {
  const left = () => (existsSync(stack.workDir) ? readdirSync(stack.workDir).filter((n) => n.startsWith('run-')) : [])
  for (const until = Date.now() + ms; left().length > 0; await sleep(500)) {
    if (Date.now() <= until) continue
    throw new Error(`folders of lost phases are still on the disk: ${left().join(', ')}`)
  }
}

const VersionRow = z.object({
  workspace: z.string(),
  run_id: z.string().nullable(),
  serial: z.number(),
  status: z.string(),
})
const CountRow = z.object({ count: z.number() })

/** Everything that must hold when the storm is over; one sentence for each thing that does not. */
export async function findFaults(world: World): Promise<string[]> {
  const { db, stack } = world
  const faults: string[] = []
  const runs = await selectRuns(world)
  const byId = new Map(runs.map((run) => [run.id, run]))
  const journal = await world.journal()
  const begins = journal.filter(({ what }) => what === 'begin')

  for (const [runId, times] of Map.groupBy(begins, (line) => line.runId))
    if (times.length > 1) faults.push(`${runId} was applied ${times.length} times`)

  for (const run of runs) {
    if (!finals.includes(run.status)) faults.push(`${run.id} is stuck in ${run.status}`)
    if (run.status === 'errored' && !/worker was lost/.test(run.error_reason ?? ''))
      faults.push(`${run.id} erred: ${run.error_reason}`)
    if (run.status === 'canceled' || run.status === 'discarded') faults.push(`${run.id} is ${run.status}`)
  }

  for (const [workspace, lines] of Map.groupBy(begins, (line) => line.workspace)) {
    const numbers = lines.map((line) => byId.get(line.runId)?.number ?? 0)
    if (numbers.some((n, i) => i > 0 && n < numbers[i - 1]!))
      faults.push(`${workspace} applied in the order ${numbers}`)
  }

  const versions = await db.any(sql.type(VersionRow)`
    select w.name as workspace, s.run_id, s.serial, s.status
    from state_versions s
    join workspaces w on w.id = s.workspace_id
    order by s.created_at, s.id`)
  for (const [workspace, all] of Map.groupBy(versions, (v) => v.workspace)) {
    const serials = all.filter((v) => v.status === 'finalized').map((v) => v.serial)
    if (serials.some((n, i) => i > 0 && n <= serials[i - 1]!)) faults.push(`${workspace} has the serials ${serials}`)
  }
  // what an engine wrote last is stored, whatever became of its worker
  for (const [runId, lines] of Map.groupBy(
    journal.filter(({ what }) => what === 'wrote'),
    (line) => line.runId,
  )) {
    const last = lines.at(-1)!.serial
    if (!versions.some((v) => v.run_id === runId && v.serial === last))
      faults.push(`the state ${last} of ${runId} (${byId.get(runId)?.status}) is lost`)
  }
  for (const run of runs.filter((r) => r.status === 'applied' && begins.some((b) => b.runId === r.id)))
    if (!journal.some((line) => line.what === 'end' && line.runId === run.id))
      faults.push(`${run.id} counts as applied, but its engine did not end`)

  const held = await db.one(sql.type(CountRow)`
    select count(*)::int as count
    from workspaces
    where holder_run_id is not null or locked_by_user_id is not null or locked_by_team_id is not null`)
  if (held.count > 0) faults.push(`${held.count} workspaces are still locked`)
  const tokens = await db.one(sql.type(CountRow)`select count(*)::int as count from tokens where kind = 'phase'`)
  if (tokens.count > 0) faults.push(`${tokens.count} tokens of phases are left`)
  const engines = processesBelow(stack.workDir)
  if (engines.length > 0) faults.push(`${engines.length} engine processes are left`)
  return faults
}
