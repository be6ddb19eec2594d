import { selectConfigurations } from '../../shared/configurations/queries.ts'
import { selectOrganizations } from '../../shared/organizations/queries.ts'
import { selectComments, selectRunEvents } from '../../shared/runs/discussion.ts'
import { type Estimate, estimates } from '../../shared/runs/estimate.ts'
import { findRow, type RunEvent } from '../../shared/runs/lifecycle.ts'
import { type Run, selectPhases } from '../../shared/runs/queries.ts'
import { type WaitingReason, waitingReasons } from '../../shared/runs/waiting.ts'
import { runVariables } from '../../shared/runs/work.ts'
import { selectTaskStages } from '../../shared/tasks/stages.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { configuration } from '../configurations/json.ts'
import { defineResource, statusTimestamps, toMany, toOne } from '../jsonapi/document.ts'
import { organization } from '../organizations/json.ts'
import { apply, plan } from '../phases/json.ts'
import type { Context } from '../route.ts'
import { taskStage } from '../tasks/stage-json.ts'
import { user } from '../users/json.ts'
import { workspace } from '../workspaces/json.ts'
import { comment, runEvent } from './discussion-json.ts'

export const runScope = (run: { organization_id: string; project_id: string; workspace_id: string }) => ({
  organizationId: run.organization_id,
  projectId: run.project_id,
  workspaceId: run.workspace_id,
})

const allows = (run: Run, event: RunEvent): boolean =>
  findRow(run.status, event, {
    planOnly: run.plan_only,
    savePlan: run.save_plan,
    autoApply: run.auto_apply,
    allowEmptyApply: run.allow_empty_apply,
    hasChanges: run.has_changes,
    stopWish: run.stop_wish,
    forceCancelAvailable: run.force_cancel_available_at !== null && run.force_cancel_available_at <= new Date(),
    stages: run.stages,
  }) !== undefined

/** What the status of the run allows, whoever asks; derived from the lifecycle table. */
export const runActions = (run: Run) => ({
  'is-cancelable': allows(run, 'cancel'),
  'is-confirmable': allows(run, 'confirm'),
  'is-discardable': allows(run, 'discard'),
  'is-force-cancelable': allows(run, 'force-cancel'),
})

async function permissions(run: Run, { access }: Context) {
  const may = await access.onWorkspace(runScope(run))
  return {
    'can-apply': may('run:apply'),
    'can-cancel': may('run:cancel'),
    'can-comment': may('run:comment'),
    'can-discard': may('run:discard'),
    'can-force-execute': may('run:force-execute'),
    'can-force-cancel': may('run:force-cancel'),
    'can-override-policy-check': may('run:override-policy'),
  }
}

function waitingAttributes(reason: WaitingReason | undefined, estimate: Estimate | undefined) {
  const { runId, ...rest } = reason ?? {}
  return {
    'waiting-reason': reason ? { ...rest, ...(runId && { 'run-id': runId }) } : null,
    'estimated-start': estimate?.starts_at ?? null,
    'usual-durations': estimate ? { plan: seconds(estimate.plan_s), apply: seconds(estimate.apply_s) } : null,
  }
}

const seconds = (exact: number | null): number | null => (exact === null ? null : Math.round(exact * 10) / 10)

export const run = defineResource<Run & { position_in_queue?: number }>({
  type: 'runs',
  id: (r) => r.id,
  async attributes(r, ctx) {
    const variables = r.variables ? runVariables(ctx.app, r.id, r.variables) : null
    return {
      actions: runActions(r),
      permissions: await permissions(r, ctx),
      'allow-config-generation': r.allow_config_generation,
      'allow-empty-apply': r.allow_empty_apply,
      'auto-apply': r.auto_apply,
      'canceled-at': r.canceled_at,
      'created-at': r.created_at,
      'updated-at': r.updated_at,
      'error-reason': r.error_reason,
      'execution-mode': r.execution_mode,
      'force-cancel-available-at': r.force_cancel_available_at,
      'has-changes': r.has_changes,
      'invoke-action-addrs': r.invoke_action_addrs ?? [],
      'is-destroy': r.is_destroy,
      message: r.message,
      number: r.number,
      'plan-only': r.plan_only,
      'policy-paths': r.policy_paths ?? [],
      'position-in-queue': r.position_in_queue ?? 0,
      refresh: r.refresh,
      'refresh-only': r.refresh_only,
      'replace-addrs': r.replace_addrs,
      'save-plan': r.save_plan,
      source: r.source,
      status: r.status,
      'status-timestamps': statusTimestamps(r.status_timestamps),
      'target-addrs': r.target_addrs,
      'terraform-version': r.engine_version,
      'trigger-reason': r.trigger_reason,
      variables: variables?.length ? variables : null,
    }
  },
  // ours: why it waits, and how long it may take
  async loads(rows, { app, access }) {
    // of all of them at once: each row then prints what the caller may
    await access.preloadWorkspaces(rows.map(runScope))
    const reasons = await waitingReasons(app, app.db, rows)
    const known = await estimates(app.db, rows)
    return new Map(rows.map(({ id }) => [id, waitingAttributes(reasons.get(id), known.get(id))]))
  },
  relationships: (r) => ({
    workspace: toOne('workspaces', r.workspace_id),
    plan: toOne('plans', r.plan_id),
    apply: toOne('applies', r.apply_id),
    'configuration-version': toOne('configuration-versions', r.configuration_version_id),
    'created-by': toOne('users', r.created_by),
    'confirmed-by': toOne('users', r.confirmed_by),
    'canceled-by': toOne('users', r.canceled_by),
    'cost-estimate': { data: null },
    'policy-checks': { data: [] },
    'task-stages': toMany('task-stages', r.task_stage_ids),
    // ours: the state of its lost apply, found when another had been written
    'recoverable-state': toOne('state-versions', r.recoverable_state_version_id),
    'run-events': toMany('run-events', r.run_event_ids),
    comments: toMany('comments', r.comment_ids),
  }),
  links: (r) => ({ self: `/api/v2/runs/${r.id}` }),
  includes: {
    plan: async (rows, { app }) => ({
      resource: plan,
      rows: await selectPhases(
        app.db,
        rows.map((r) => r.plan_id),
      ),
    }),
    apply: async (rows, { app }) => ({
      resource: apply,
      rows: await selectPhases(
        app.db,
        rows.map((r) => r.apply_id),
      ),
    }),
    workspace: async (rows, { app }) => ({
      resource: workspace,
      rows: await selectWorkspaces(
        app.db,
        rows.map((r) => r.workspace_id),
      ),
    }),
    'workspace.organization': async (rows, { app }) => [
      { resource: workspace, rows: await selectWorkspaces(app.db, [...new Set(rows.map((r) => r.workspace_id))]) },
      {
        resource: organization,
        rows: await selectOrganizations(app.db, [...new Set(rows.map((r) => r.organization_id))]),
      },
    ],
    'configuration-version': async (rows, { app }) => ({
      resource: configuration,
      rows: await selectConfigurations(
        app.db,
        rows.flatMap((r) => r.configuration_version_id ?? []),
      ),
    }),
    'configuration-version.ingress-attributes': async () => [],
    'created-by': async (rows, { app }) => ({
      resource: user,
      rows: await selectUsers(
        app.db,
        rows.flatMap((r) => r.created_by ?? []),
      ),
    }),
    'confirmed-by': async (rows, { app }) => ({
      resource: user,
      rows: await selectUsers(
        app.db,
        rows.flatMap((r) => r.confirmed_by ?? []),
      ),
    }),
    'run-events': async (rows, { app }) => ({
      resource: runEvent,
      rows: await selectRunEvents(
        app.db,
        rows.map((r) => r.id),
      ),
    }),
    comments: async (rows, { app }) => ({
      resource: comment,
      rows: await selectComments(
        app.db,
        rows.map((r) => r.id),
      ),
    }),
    'cost-estimate': async () => [],
    'task-stages': async (rows, { app }) => ({
      resource: taskStage,
      rows: await selectTaskStages(
        app.db,
        rows.flatMap((r) => r.task_stage_ids),
      ),
    }),
    'policy-checks': async () => [],
  },
})
