import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { isAlive } from '../agents/agents.ts'
import { RUNNERS } from './dispatch.ts'

/** How full the queues are: for autoscalers, operators and metrics. */
const DepthRow = z.object({
  /** 'runs' (this server's runners) or the id of an agent pool */
  queue: z.string(),
  /** Phases that a worker could take now, by band. */
  apply: z.number(),
  plan: z.number(),
  speculative: z.number(),
  /** Ready, but over a limit of their organization or pool. */
  held_back: z.number(),
  running: z.number(),
  /** Seconds since the oldest that a worker could take became ready; 0: there is none. */
  oldest_wait_s: z.number(),
  /** Living runners or agents, and how many phases they take at once (each takes one more apply). */
  workers: z.number(),
  slots: z.number(),
})
export type QueueDepth = z.output<typeof DepthRow>

/** Of the queue itself, or (null) of every queue: the runners' first, then pools with agents or work. */
export const selectQueueDepths = (tx: Tx, queue: string | null) =>
  tx.any(sql.type(DepthRow)`
    select q.queue,
      coalesce(d.apply, 0)::int as apply, coalesce(d.plan, 0)::int as plan,
      coalesce(d.speculative, 0)::int as speculative, coalesce(d.held_back, 0)::int as held_back,
      coalesce(d.running, 0)::int as running, coalesce(d.oldest_wait_s, 0)::float8 as oldest_wait_s,
      coalesce(w.workers, 0)::int as workers, coalesce(w.slots, 0)::int as slots
    from (
      select ${RUNNERS} as queue
      union all
      select id from agent_pools) q
    left join (
      select p.queue,
        count(*) filter (where p.status = 'queued' and p.dispatched_at is not null and p.band = 0) as apply,
        count(*) filter (where p.status = 'queued' and p.dispatched_at is not null and p.band = 1) as plan,
        count(*) filter (where p.status = 'queued' and p.dispatched_at is not null and p.band = 2) as speculative,
        count(*) filter (where p.status = 'queued' and p.dispatched_at is null) as held_back,
        count(*) filter (where p.status = 'running') as running,
        extract(epoch from now() - min(p.queued_at) filter (where p.status = 'queued' and p.dispatched_at is not null))
          as oldest_wait_s
      from phases p
      where p.status in ('queued', 'running')
      group by p.queue) d on d.queue = q.queue
    left join (
      select ${RUNNERS} as queue, count(*) as workers, sum(concurrency) as slots
      from runners
      where heartbeat_at > now() - interval '30 seconds'
      union all
      select ag.agent_pool_id, count(*), sum(ag.concurrency)
      from agents ag
      where ${isAlive}
      group by ag.agent_pool_id) w on w.queue = q.queue
    where case when ${queue}::text is not null then q.queue = ${queue}
      else q.queue = ${RUNNERS} or d.queue is not null or w.queue is not null end
    order by q.queue <> ${RUNNERS}, q.queue
    limit 1000`)

const StatusRow = z.object({ status: z.string(), count: z.number() })

/** Runs that are not over, by status. */
export const countUnfinishedRuns = (tx: Tx) =>
  tx.any(sql.type(StatusRow)`
    select status, count(*)::int as count
    from runs
    where finished_at is null
    group by status`)

const SweepRow = z.object({
  name: z.string(),
  runs: z.number(),
  repaired: z.number(),
  last_run_at: z.date().nullable(),
  last_ms: z.number().nullable(),
  last_error: z.string().nullable(),
})

export const selectSweeps = (tx: Tx) =>
  tx.any(sql.type(SweepRow)`
    select name, runs, repaired, last_run_at, last_ms, last_error
    from sweeps
    order by name`)
