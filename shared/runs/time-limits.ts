import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { organizationSettings } from '../organizations/organizations.ts'
import { readSiteSettings } from '../site/settings.ts'
import { forEach } from './each.ts'
import { type RunStatus, statusGroups } from './lifecycle.ts'
import { lockRun, transition } from './transition.ts'

/** Runs ended in one sweep; the next one goes on. */
const BATCH = 100

const OverdueRow = z.object({
  id: z.string(),
  kind: z.enum(['plan', 'apply']),
  minutes: z.number(),
})
const IdRow = z.object({ id: z.string() })

/**
 * Joins `x.own`: the time that the phase `p` of the organization `o` may take, by the organization's own limit and that
 * of the site's admins.
 */
export async function phaseLimit(app: App): Promise<FragmentSqlToken> {
  const { 'plan-timeout': plan, 'apply-timeout': apply } = organizationSettings({ settings: {} })
  const site = await readSiteSettings(app, 'general')
  return sql.fragment`
    cross join lateral (
      select least(
        make_interval(mins => coalesce(
          (o.settings ->> (p.kind || '-timeout'))::int, case p.kind when 'plan' then ${plan}::int else ${apply}::int end)),
        regexp_replace(
          coalesce(
            o.admin_settings ->> (p.kind || '-timeout'),
            case p.kind when 'plan' then ${site['plan-timeout']} else ${site['apply-timeout']} end),
          'm$', 'min')::interval) as own) x`
}

/**
 * Interrupts the engines of phases that take longer than their organization or the site's admins allow: as a cancel
 * does, so the state is uploaded and the run ends canceled with the limit as its reason.
 * @returns how many
 */
export async function interruptOverdue(app: App): Promise<number> {
  const overdue = await app.db.any(sql.type(OverdueRow)`
    select r.id, p.kind, ceil(extract(epoch from x.own) / 60)::int as minutes
    from phases p
    join runs r on r.id = p.run_id
    join organizations o on o.id = r.organization_id
    ${await phaseLimit(app)}
    where p.status = 'running' and r.stop_wish is null and p.started_at < now() - x.own
    order by p.started_at
    limit ${BATCH}`)
  return forEach(overdue, ({ id, kind, minutes }) => {
    const reason = `The ${kind} took longer than ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}, the limit of the organization or the site (${kind}-timeout): its engine was interrupted.`
    return app.db.transaction(async (tx) => {
      const run = await lockRun(tx, id)
      if (run.status !== (kind === 'plan' ? 'planning' : 'applying') || run.stop_wish) return 0
      await transition(app, tx, run, 'cancel')
      await tx.query(sql.void`
        update runs
        set canceled_at = now(), stop_wish = 'cancel', stop_reason = ${reason},
          force_cancel_available_at = now() + make_interval(secs => ${app.config.forceCancelCooloffMs / 1000})
        where id = ${id}`)
      return 1
    })
  })
}

/**
 * Ends runs whose time limit interrupted an engine that does not end: its late writes are then refused. The engine had
 * the time that a person would have given it, and the worker's own grace.
 * @returns how many
 */
export async function endInterrupted(app: App): Promise<number> {
  const stuck = await app.db.any(sql.type(IdRow)`
    select id
    from runs
    where finished_at is null and status in ('planning', 'applying') and stop_wish = 'cancel' and stop_reason is not null
      and force_cancel_available_at < now() - make_interval(secs => ${app.config.runner.cancelGraceMs / 1000})
    limit ${BATCH}`)
  return forEach(stuck, ({ id }) =>
    app.db.transaction(async (tx) => {
      const run = await lockRun(tx, id)
      if (run.status !== 'planning' && run.status !== 'applying') return 0
      await transition(app, tx, run, 'force-cancel', {
        reason: `${run.stop_reason} It did not end; its state may be lost.`,
      })
      await tx.query(sql.void`
        update runs
        set force_canceled_at = now(), stop_wish = 'force',
          status_timestamps = status_timestamps || jsonb_build_object('force-canceled-at', ${app.now().toISOString()}::text)
        where id = ${id}`)
      return 1
    }),
  )
}

const UnconfirmedRow = z.object({ id: z.string(), minutes: z.number() })

/** Statuses in which a plan waits for a person. */
const unconfirmed: readonly RunStatus[] = statusGroups.discardable!.filter((status) => status !== 'pending')

/**
 * Discards plans that nobody confirmed within the time that their workspace gives. Saved plans hold nobody up: they stay.
 * @returns how many
 */
export async function discardUnconfirmed(app: App): Promise<number> {
  const late = await app.db.any(sql.type(UnconfirmedRow)`
    select r.id, w.unconfirmed_plan_timeout_minutes as minutes
    from runs r
    join workspaces w on w.id = r.workspace_id
    where r.finished_at is null and r.status = any(${sql.array([...unconfirmed], 'text')}) and not r.save_plan
      and w.unconfirmed_plan_timeout_minutes is not null
      and coalesce((r.status_timestamps ->> (replace(r.status, '_', '-') || '-at'))::timestamptz, r.updated_at)
        < now() - make_interval(mins => w.unconfirmed_plan_timeout_minutes)
    limit ${BATCH}`)
  return forEach(late, ({ id, minutes }) =>
    app.db.transaction(async (tx) => {
      const run = await lockRun(tx, id)
      if (!unconfirmed.includes(run.status)) return 0
      const reason = `Nobody confirmed the plan within ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}, the limit of the workspace.`
      await transition(app, tx, run, 'discard', { reason })
      return 1
    }),
  )
}
