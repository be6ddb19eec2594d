import type { Tx } from '../../db/pool.ts'
import type { App } from '../app.ts'
import { RUNNERS } from './dispatch.ts'
import { isFinal, lifecycle, type RunStatus } from './lifecycle.ts'
import {
  type Capacity,
  type Limits,
  selectCapacityOfPools,
  selectCapacityOfRunners,
  selectLimits,
  selectWaitingRuns,
  type WaitingRun,
} from './waiting-queries.ts'

/**
 * Why a run waits, from what the scheduler looks at: the workspace's holder and lock (workspace-queue.ts), limits and
 * turns (dispatch.ts), and who is there to execute. `text` is one or two sentences for people.
 */
export interface WaitingReason {
  code:
    | 'behind-run'
    | 'workspace-locked'
    | 'turn'
    | 'organization-limit'
    | 'agent-pool-limit'
    | 'no-agents'
    | 'agents-busy'
    | 'no-runners'
    | 'runners-busy'
    | 'engine-missing'
    | 'starting'
    | 'confirmation'
    | 'decision'
    | 'tasks'
  text: string
  /** The run that it waits for. */
  runId?: string
  since?: Date
}

const executing: readonly RunStatus[] = ['planning', 'applying']

/** Neither over nor being executed: such a run always has a reason. */
export const isWaiting = (status: RunStatus): boolean => !isFinal(status) && !executing.includes(status)

/** The reasons of those of the runs that wait, by run id. At most four statements, however many runs. */
export async function waitingReasons(
  app: App,
  tx: Tx,
  runs: readonly { id: string; status: RunStatus }[],
): Promise<Map<string, WaitingReason>> {
  const ids = runs.filter((run) => isWaiting(run.status)).map((run) => run.id)
  if (ids.length === 0) return new Map()
  const rows = await selectWaitingRuns(tx, ids)
  const queued = rows.filter(isQueued)
  const pools = [...new Set(queued.flatMap((row) => (row.queue && row.queue !== RUNNERS ? [row.queue] : [])))]
  const facts: Facts = {
    engineDownload: app.config.engineDownload,
    now: app.now(),
    runners: queued.some((row) => row.queue === RUNNERS) ? await selectCapacityOfRunners(tx) : null,
    pools: new Map((pools.length > 0 ? await selectCapacityOfPools(tx, pools) : []).map((pool) => [pool.id, pool])),
    limits: new Map(
      (queued.some((row) => row.dispatched_at === null)
        ? await selectLimits(tx, [...new Set(queued.map((row) => row.organization_id))])
        : []
      ).map((limit) => [limit.organization_id, limit]),
    ),
  }
  // one that ended or began meanwhile waits no more
  return new Map(rows.filter((row) => isWaiting(row.status)).map((row) => [row.id, reasonOf(row, facts)]))
}

export const waitingReason = async (
  app: App,
  tx: Tx,
  run: { id: string; status: RunStatus },
): Promise<WaitingReason | null> => (await waitingReasons(app, tx, [run])).get(run.id) ?? null

interface Facts {
  engineDownload: boolean
  now: Date
  runners: Capacity | null
  pools: ReadonlyMap<string, Capacity & { name: string; limit: number | null; in_work: number }>
  limits: ReadonlyMap<string, Limits>
}

const isQueued = (row: WaitingRun): boolean => row.status === 'plan_queued' || row.status === 'apply_queued'

function reasonOf(row: WaitingRun, facts: Facts): WaitingReason {
  const since = row.status_since ?? row.updated_at
  if (row.status === 'pending') return turn(row)
  if (isQueued(row)) return row.dispatched_at === null ? heldBack(row, facts) : capacity(row, facts)
  if (row.status === 'planned_and_saved')
    return { code: 'confirmation', text: 'The plan is saved: it waits for a person to apply it.', since }
  if (isConfirmable(row.status))
    return { code: 'confirmation', text: 'Waits for a person to confirm or discard the plan.', since }
  // stages of run tasks and policies
  const stage = /^(pre|post)_(plan|apply)_(.+)$/.exec(row.status)
  if (stage?.[3] === 'awaiting_decision')
    return {
      code: 'decision',
      text: 'A policy or a run task failed: waits for a person to override it or discard.',
      since,
    }
  if (stage) {
    const when = stage[1] === 'pre' ? 'before' : 'after'
    return { code: 'tasks', text: `Waits for the run tasks and policies ${when} the ${stage[2]}.`, since }
  }
  return { code: 'turn', text: 'The run goes on within a minute.', since }
}

const isConfirmable = (status: RunStatus): boolean =>
  lifecycle.some((row) => row.on === 'confirm' && row.from.includes(status))

const does: Partial<Record<RunStatus, string>> = {
  plan_queued: 'whose plan is queued',
  planning: 'which is planning',
  planned: 'which waits for a confirmation',
  apply_queued: 'whose apply is queued',
  applying: 'which is applying',
}

/** The workspace queue: its holder, a person's lock, older runs. */
function turn(row: WaitingRun): WaitingReason {
  const older =
    row.older === 0 ? '' : ` ${counted(row.older, 'older run')} of the workspace ${isAre(row.older)} before it.`
  if (row.holder_run_id && row.holder_status)
    return {
      code: 'behind-run',
      text: `Behind run #${row.holder_number}, ${does[row.holder_status] ?? `which is ${row.holder_status}`}.${older}`,
      runId: row.holder_run_id,
      since: row.holder_since ?? row.updated_at,
    }
  if (row.locker || row.locked_at)
    return {
      code: 'workspace-locked',
      text: `The workspace is locked by ${row.locker ?? 'somebody'}${row.lock_reason ? `: ${sentence(row.lock_reason)}` : '.'}${older}`,
      ...(row.locked_at && { since: row.locked_at }),
    }
  return { code: 'turn', text: `The workspace is free: the run starts within a minute.${older}`, since: row.updated_at }
}

/** The phase is ready; a limit keeps it from the workers. */
function heldBack(row: WaitingRun, { limits, pools }: Facts): WaitingReason {
  const organization = limits.get(row.organization_id)
  const since = row.queued_at ?? row.updated_at
  const pool = pools.get(row.queue ?? '')
  if (pool?.limit != null && pool.in_work >= pool.limit)
    return {
      code: 'agent-pool-limit',
      text: `Agent pool ${pool.name} works on ${pool.in_work} of at most ${pool.limit} runs.`,
      since,
    }
  if (organization?.limit != null && organization.in_work >= organization.limit)
    return {
      code: 'organization-limit',
      text: `The organization has ${organization.in_work} of at most ${organization.limit} runs in work.`,
      since,
    }
  return { code: 'turn', text: 'A place is free: the run starts within a minute.', since }
}

/** For sentences: `2026-11-25 12:40:11 UTC`. */
const utc = (time: Date): string => `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** The phase waits for somebody to execute it. */
function capacity(row: WaitingRun, { runners, pools, engineDownload }: Facts): WaitingReason {
  const since = row.queued_at ?? row.updated_at
  const before =
    row.ahead === 0
      ? ''
      : ` ${row.ahead > 1000 ? 'More than 1,000 others' : counted(row.ahead, 'other')} ${isAre(row.ahead)} before it.`
  const isRunners = row.queue === RUNNERS
  const there = isRunners ? runners : pools.get(row.queue ?? '')
  const who = isRunners ? 'runner' : `agent of pool ${pools.get(row.queue ?? '')?.name ?? row.queue}`
  if (!there || there.alive === 0) {
    const seen = there?.last_seen_at ? ` The last sign of one came at ${utc(there.last_seen_at)}.` : ''
    return isRunners
      ? { code: 'no-runners', text: `No runner is alive.${seen}`, since }
      : { code: 'no-agents', text: `No ${who} is alive.${seen}`, since }
  }
  const engine = `${row.engine} ${row.engine_version}`
  if (isRunners && !engineDownload && !there.engines.includes(engine))
    return {
      code: 'engine-missing',
      text: `No runner has ${engine}, and downloading engines is switched off (TOFUTF_ENGINE_DOWNLOAD).`,
      since,
    }
  // each keeps one slot more for applies
  const slots = there.slots + (row.status === 'apply_queued' ? there.alive : 0)
  if (there.running >= slots) {
    const all = `All ${counted(slots, 'slot')} of ${counted(there.alive, isRunners ? 'runner' : 'agent')} are busy.${before}`
    return { code: isRunners ? 'runners-busy' : 'agents-busy', text: all, since }
  }
  return { code: 'starting', text: `Starts when a ${who} takes it.${before}`.replace('a agent', 'an agent'), since }
}

const counted = (n: number, one: string): string => `${n.toLocaleString('en-US')} ${one}${n === 1 ? '' : 's'}`
const isAre = (n: number): string => (n === 1 ? 'is' : 'are')
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)
