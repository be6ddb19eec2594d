import { randomUUID } from 'node:crypto'
import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { bandOf, bands, LAST_RANK, phaseJobOptions, priorityOf } from '../queues.ts'

/**
 * Giving ready phases to the workers, in fair turns between organizations and within the limits of organization and
 * agent pool.
 *
 * Turns are ranks. The first waiting phase of an organization gets the rank of whoever is next (nobody new goes before
 * those that wait), each further one comes a rank later; among equals the older goes first. So the second phase of a
 * burst stands behind the first of everybody else, and nobody waits for ever: an organization that keeps coming gets
 * higher ranks, also when its earlier phases are done.
 */
interface RunOfPhase {
  id: string
  organization_id: string
  workspace_id: string
  plan_only: boolean
  save_plan: boolean
  execution_mode: string
  agent_pool_id: string | null
  /** see mayHoldBack */
  is_limited: boolean
}

/** The name of the queue in phases.queue of this server's runners; of agents it is the id of their pool. */
export const RUNNERS = 'runs'

/** Limits of `o`, an organization: of itself, or of one of its pools. */
const isLimited = sql.fragment`
  (o.settings ->> 'concurrent-run-limit' is not null or exists (
    select 1
    from agent_pools a
    where a.organization_id = o.id and a.concurrent_run_limit is not null))`

const hasHeldBack = sql.fragment`
  exists (
    select 1
    from phases p
    where p.organization_id = o.id and p.status = 'queued' and p.dispatched_at is null)`

/** Whether the organization has limits, or phases that one held back. */
export const mayHoldBack = (organizationId: FragmentSqlToken) => sql.fragment`
  coalesce((select ${isLimited} or ${hasHeldBack} from organizations o where o.id = ${organizationId}), false)`

/** A phase became ready (its status is 'queued'): it is sent at once, or when a limit allows. */
export async function enqueuePhase(app: App, tx: Tx, run: RunOfPhase, phase: 'plan' | 'apply'): Promise<void> {
  const queue = run.execution_mode === 'agent' && run.agent_pool_id ? run.agent_pool_id : RUNNERS
  const band = bands.indexOf(bandOf(phase, { planOnly: run.plan_only }))
  const ready = sql.fragment`
    organization_id = ${run.organization_id}, queue = ${queue}, band = ${band}, queued_at = clock_timestamp()`
  const which = sql.fragment`p.run_id = ${run.id} and p.kind = ${phase}`
  if (!run.is_limited) {
    const place = { organizationId: run.organization_id, queue, band }
    await sendJob(app, tx, await dispatch(tx, place, which, ready))
    return
  }
  await tx.query(sql.void`update phases p set ${ready} where ${which}`)
  await dispatchHeldBack(app, tx, run.organization_id)
}

const RankedRow = z.object({
  run_id: z.string(),
  kind: z.enum(['plan', 'apply']),
  queue: z.string(),
  band: z.number(),
  rank: z.number(),
  job_id: z.string(),
  workspace_id: z.string(),
  plan_only: z.boolean(),
  save_plan: z.boolean(),
})

const ranked = sql.fragment`p.run_id, p.kind, p.queue, p.band, p.rank, p.job_id, r.workspace_id, r.plan_only, r.save_plan`

interface Place {
  organizationId: string
  queue: string
  band: number
}

/** Gives a phase its rank in its place and the id of its job. */
function dispatch(tx: Tx, place: Place, which: FragmentSqlToken, ready?: FragmentSqlToken) {
  const waiting = sql.fragment`
    from phases q
    where q.queue = ${place.queue} and q.band = ${place.band} and q.status = 'queued' and q.dispatched_at is not null`
  return tx.one(sql.type(RankedRow)`
    update phases p
    set dispatched_at = clock_timestamp(), ${ready ? sql.fragment`${ready},` : sql.fragment``}
      job_id = gen_random_uuid(),
      rank = least(${LAST_RANK}, greatest(
        (select coalesce(min(q.rank), 0) ${waiting}),
        (
          select coalesce(max(l.rank + 1), 0)
          from (
            select l.rank, l.dispatched_at
            from phases l
            where l.organization_id = ${place.organizationId} and l.queue = ${place.queue} and l.band = ${place.band}
              and l.dispatched_at is not null
            order by l.dispatched_at desc
            limit 1) l
          -- what was sent before all that wait now has passed nobody over
          where l.dispatched_at >= (select min(q.dispatched_at) ${waiting}))))
    from runs r
    where ${which} and r.id = p.run_id
    returning ${ranked}`)
}

async function sendJob(app: App, tx: Tx, phase: z.output<typeof RankedRow>): Promise<void> {
  const payload = { runId: phase.run_id, phase: phase.kind }
  const run = {
    id: phase.run_id,
    workspaceId: phase.workspace_id,
    planOnly: phase.plan_only,
    savePlan: phase.save_plan,
  }
  const options = {
    ...phaseJobOptions(phase.kind, run),
    id: phase.job_id,
    priority: priorityOf(bands[phase.band]!, phase.rank),
  }
  if (phase.queue === RUNNERS) await app.queue.send(tx, 'runs', payload, options)
  else await app.queue.sendToPool(tx, phase.queue, payload, options)
}

/** A job for a phase whose own one is gone. It keeps its turn. */
export async function sendAgain(app: App, tx: Tx, run: Pick<RunOfPhase, 'id'>, phase: 'plan' | 'apply'): Promise<void> {
  const sent = await tx.maybeOne(sql.type(RankedRow)`
    update phases p
    set job_id = gen_random_uuid()
    from runs r
    where p.run_id = ${run.id} and p.kind = ${phase} and r.id = p.run_id
      and p.status in ('queued', 'running') and p.dispatched_at is not null
    returning ${ranked}`)
  if (sent) await sendJob(app, tx, sent)
}

const HeldRow = z.object({ is_limited: z.boolean(), has_held: z.boolean() })
const LimitRow = z.object({ limit: z.number().nullable(), in_work: z.number() })
const IdRow = z.object({ id: z.string() })
const NextRow = z.object({ id: z.string(), queue: z.string(), band: z.number() })

/** Largest number of phases sent in one transaction; a sweep goes on. */
const BATCH = 100

/**
 * Sends the organization's phases that were held back, as many as its limits allow: applies first, then the oldest.
 * Exact with any number of callers: the organization's row is locked while there is a limit. A caller that holds locks
 * of workspaces must not wait for it (two such callers could wait for each other): when another transaction has it, a
 * job does the rest after the commit.
 * @returns how many were sent
 */
export async function dispatchHeldBack(
  app: App,
  tx: Tx,
  organizationId: string,
  { wait = false }: { wait?: boolean } = {},
): Promise<number> {
  const state = await tx.maybeOne(sql.type(HeldRow)`
    select ${isLimited} as is_limited, ${hasHeldBack} as has_held
    from organizations o
    where o.id = ${organizationId}`)
  // with a limit another transaction may be holding one back just now: only behind the lock it is seen
  if (!state || (!state.is_limited && !state.has_held)) return 0
  if (!(await lockOrganization(tx, organizationId, wait))) {
    await app.queue.send(tx, 'sweep', { name: 'missed-dispatches' }, { singletonKey: `dispatch ${randomUUID()}` })
    return 0
  }
  const { limit, in_work } = await selectLimit(tx, organizationId)
  const room = limit === null ? BATCH : Math.min(BATCH, limit - in_work)
  let sent = 0
  for (; sent < room; sent++) {
    const next = await selectOptionalHeldBack(tx, organizationId)
    if (!next) break
    const place = { organizationId, queue: next.queue, band: next.band }
    await sendJob(app, tx, await dispatch(tx, place, sql.fragment`p.id = ${next.id}`))
  }
  return sent
}

/** @returns whether it is locked now; always, when the caller waits */
const lockOrganization = async (tx: Tx, id: string, wait: boolean): Promise<boolean> =>
  (await tx.maybeOne(sql.type(IdRow)`
    select id
    from organizations
    where id = ${id}
    for no key update ${wait ? sql.fragment`` : sql.fragment`skip locked`}`)) !== null

const selectLimit = (tx: Tx, organizationId: string) =>
  tx.one(sql.type(LimitRow)`
    select (o.settings ->> 'concurrent-run-limit')::int as limit, (
      select count(*)::int
      from phases p
      where p.organization_id = o.id and p.status in ('queued', 'running') and p.dispatched_at is not null) as in_work
    from organizations o
    where o.id = ${organizationId}`)

/** The next one whose pool has room. One that another transaction is changing is left to that one. */
const selectOptionalHeldBack = (tx: Tx, organizationId: string) =>
  tx.maybeOne(sql.type(NextRow)`
    select p.id, p.queue, p.band
    from phases p
    where p.organization_id = ${organizationId} and p.status = 'queued' and p.dispatched_at is null
      and not exists (
        select 1
        from agent_pools a
        where a.id = p.queue and a.concurrent_run_limit <= (
          select count(*)
          from phases q
          where q.organization_id = a.organization_id and q.queue = a.id and q.status in ('queued', 'running')
            and q.dispatched_at is not null))
    order by p.band, p.queued_at, p.id
    limit 1
    for update of p skip locked`)

/** Organizations with phases that are held back; for the sweep. */
export const selectOrganizationsHeldBack = (tx: Tx) =>
  tx.any(sql.type(IdRow)`
    select distinct p.organization_id as id
    from phases p
    where p.status = 'queued' and p.dispatched_at is null and p.organization_id is not null
    limit 500`)
