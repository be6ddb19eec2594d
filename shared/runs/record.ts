import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'
import { LIVE_CHANNEL } from '../live.ts'
import type { LifecycleRow, PhaseStatus } from './lifecycle.ts'

export interface TransitionRecord {
  run: { id: string; workspace_id: string; status: string }
  row: LifecycleRow
  /** when, ISO 8601 */
  at: string
  final: boolean
  reason: string | null
  event: { name: string; by: string | null } | null
  /** what becomes of the run's hold on its workspace */
  holder: 'takes' | 'leaves' | 'stays'
}

const stampOf: Partial<Record<PhaseStatus, string>> = {
  queued: 'queued-at',
  running: 'started-at',
  finished: 'finished-at',
  errored: 'errored-at',
  canceled: 'canceled-at',
}
const terminal: readonly PhaseStatus[] = ['finished', 'errored', 'canceled', 'unreachable']

/**
 * Writes everything that a transition changes by itself, in one statement, since transitions are most of what a busy
 * server writes: the run, its phases, the event, the workspace's holder, and the wake-ups of who listens.
 *
 * A phase that ends closes its log, and one that ends without ever having run leaves an empty, closed log, so that no
 * reader waits for one; the engine's own credentials end with its phase.
 */
export async function recordTransition(tx: Tx, change: TransitionRecord): Promise<void> {
  const { run, row, at, holder } = change
  const passed = [...(row.through ?? []), ...(row.to === run.status ? [] : [row.to])]
  const stamps = Object.fromEntries(passed.map((status) => [`${status.replaceAll('_', '-')}-at`, at]))
  const phases = (['plan', 'apply'] as const).flatMap((kind) => {
    const status = row[kind]
    return status ? [{ kind, status, stamp: stampOf[status] ?? null, ends: terminal.includes(status) }] : []
  })
  const messages = [
    `run:${run.id} ${row.to}`,
    `runs ${run.workspace_id} ${run.id}`,
    ...(row.effect === 'stop-engine' ? [`stop ${run.id}`] : []),
  ]
  const takes = holder === 'takes'
  const leaves = holder === 'leaves'
  await tx.query(sql.void`
    with changed as (
      update runs
      set status = ${row.to},
        status_timestamps = status_timestamps || ${sql.jsonb(stamps)},
        updated_at = now(),
        finished_at = ${change.final ? at : null}::timestamptz,
        error_reason = coalesce(${change.reason}, error_reason)
      where id = ${run.id}),
    phase as (
      update phases p
      set status = c.status,
        status_timestamps = case
          when c.stamp is null then p.status_timestamps
          else p.status_timestamps || jsonb_build_object(c.stamp, ${at}::text) end,
        started_at = case when c.status = 'running' then coalesce(p.started_at, now()) else p.started_at end,
        finished_at = case when c.ends then ${at}::timestamptz end,
        log_size = c.log_size + case when not c.closes then 0 when c.log_size = 0 then 2 else 1 end,
        log_closed = p.log_closed or c.closes
      from (
        select f.id, f.log_size, x.status, x.stamp, x.ends, x.ends and not f.log_closed as closes
        from phases f
        join unnest(${sql.array(
          phases.map(({ kind }) => kind),
          'text',
        )}, ${sql.array(
          phases.map(({ status }) => status),
          'text',
        )}, ${sql.array(
          phases.map(({ stamp }) => stamp),
          'text',
        )}, ${sql.array(
          phases.map(({ ends }) => ends),
          'bool',
        )}) as x (kind, status, stamp, ends) on x.kind = f.kind
        where f.run_id = ${run.id}
        -- the log may be growing
        for update of f) c
      where p.id = c.id
      returning p.id, c.ends, c.closes, c.log_size as log_end, p.log_line_breaks),
    log_end as (
      insert into log_chunks (phase_id, start_offset, data, line_breaks_before)
      -- STX and ETX, see logs.ts
      select id, log_end, case when log_end = 0 then '\\x0203'::bytea else '\\x03'::bytea end, log_line_breaks
      from phase
      where closes),
    credentials as (
      delete from tokens
      where phase_id in (select id from phase where ends)),
    event as (
      insert into run_events (id, run_id, action, actor_user_id, created_at)
      select ${newId('re')}, ${run.id}, ${change.event?.name ?? null}, ${change.event?.by ?? null}, clock_timestamp()
      where ${change.event !== null}),
    workspace as (
      update workspaces
      set holder_run_id = case when ${takes} then ${run.id} end,
        current_run_id = case when ${takes} then ${run.id} else current_run_id end,
        latest_change_at = case when ${takes} then latest_change_at else now() end
      where id = ${run.workspace_id} and (${takes} or ${leaves} and holder_run_id = ${run.id}))
    select pg_notify(${LIVE_CHANNEL}, message)
    from (
      select unnest(${sql.array(messages, 'text')}) as message
      union all
      select 'log:' || id || ' '
      from phase
      where closes) m`)
}
