import { problem } from '../../shared/errors.ts'
import { selectPlanSummary } from '../../shared/plans/queries.ts'
import { selectComments } from '../../shared/runs/discussion.ts'
import { isFinal } from '../../shared/runs/lifecycle.ts'
import { type Run, selectPhases } from '../../shared/runs/queries.ts'
import { selectNeighbours } from '../../shared/runs/recent.ts'
import { waitingReason } from '../../shared/runs/waiting.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { badgeOf } from '../badge.ts'
import type { Context } from '../route.ts'
import { checksOf } from './checks.ts'
import { runActions } from './json.ts'
import { decisionInWords } from './plan-words.ts'
import { decisionOf, timelineOf } from './timeline.ts'

export const runPath = (run: Pick<Run, 'organization_name' | 'workspace_name' | 'id'>): string =>
  `/app/${run.organization_name}/workspaces/${run.workspace_name}/runs/${run.id}`

/** Everything that the page of a run shows besides its logs; drawn anew with each change. */
export async function runView(ctx: Context, run: Run) {
  const { app } = ctx
  const phases = await selectPhases(app.db, [run.plan_id, run.apply_id])
  const plan = phases.find((p) => p.kind === 'plan')
  const apply = phases.find((p) => p.kind === 'apply')
  if (!plan || !apply) throw problem('not_found')
  const comments = await selectComments(app.db, [run.id])
  const people = [run.created_by, run.confirmed_by, run.canceled_by, ...comments.map((c) => c.created_by)]
  const users = await selectUsers(app.db, [...new Set(people.filter((id) => id !== null))])
  const names = new Map(users.map((u) => [u.id, u.username]))
  const waiting = await waitingOf(ctx, run)
  const summary = plan.status === 'finished' ? await selectPlanSummary(app.db, plan.id) : null
  const badge = badgeOf(run)
  const checks = await checksOf(ctx, run)
  const steps = timelineOf({
    run,
    plan,
    apply,
    checks,
    comments,
    names,
    now: app.now(),
    waitingFor: waiting?.sentence ?? null,
  })
  return {
    run,
    plan,
    apply,
    steps,
    checks,
    neighbours: await selectNeighbours(app.db, run),
    waiting,
    base: runPath(run),
    title: `${badge.word}: ${run.message || `Run ${run.number}`} · ${run.workspace_name}`,
    heading: (run.message || `Run ${run.number}`).split('\n')[0],
    isFinal: isFinal(run.status),
    actions: runActions(run),
    decision: summary ? decisionInWords(summary) : decisionOf(plan),
    createdBy: run.created_by ? (names.get(run.created_by) ?? 'somebody') : null,
  }
}
export type RunView = Awaited<ReturnType<typeof runView>>

/** Why it waits, with a link where there is one. */
async function waitingOf({ app }: Context, run: Run) {
  const reason = await waitingReason(app, app.db, run)
  if (!reason) return null
  const { code, text, runId, since } = reason
  return { code, sentence: text, since: since ?? null, href: runId ? runPath({ ...run, id: runId }) : null }
}
