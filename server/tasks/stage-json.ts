import { selectPolicyEvaluations } from '../../shared/policies/evaluations.ts'
import { selectTaskResults, type TaskOutcome, type TaskResult } from '../../shared/tasks/results.ts'
import type { TaskStage } from '../../shared/tasks/stages.ts'
import { defineResource, statusTimestamps, toMany, toOne } from '../jsonapi/document.ts'
import { policyEvaluation } from '../policies/evaluation-json.ts'

export const taskStage = defineResource<TaskStage>({
  type: 'task-stages',
  id: (s) => s.id,
  async attributes(s, { access }) {
    const scope = { organizationId: s.organization_id, projectId: s.project_id, workspaceId: s.workspace_id }
    const mayOverride = await access.may('run:override-policy', scope)
    return {
      stage: s.stage,
      status: s.status,
      'status-timestamps': statusTimestamps(s.status_timestamps),
      permissions: { 'can-override-policy': mayOverride, 'can-override-tasks': false, 'can-override': mayOverride },
      actions: { 'is-overridable': s.status === 'awaiting_override' },
      'created-at': s.created_at,
      'updated-at': s.updated_at,
    }
  },
  relationships: (s) => ({
    run: toOne('runs', s.run_id),
    'task-results': toMany('task-results', s.result_ids),
    'policy-evaluations': toMany('policy-evaluations', s.evaluation_ids),
  }),
  links: (s) => ({ self: `/api/v2/task-stages/${s.id}` }),
  includes: {
    'task-results': async (rows, { app }) => ({
      resource: taskResult,
      rows: await selectTaskResults(
        app.db,
        rows.flatMap((s) => s.result_ids),
      ),
    }),
    'policy-evaluations': async (rows, { app }) => ({
      resource: policyEvaluation,
      rows: await selectPolicyEvaluations(
        app.db,
        rows.flatMap((s) => s.evaluation_ids),
      ),
    }),
  },
})

export const taskResult = defineResource<TaskResult>({
  type: 'task-results',
  id: (x) => x.id,
  attributes: (x) => ({
    status: x.status,
    'status-timestamps': statusTimestamps(x.status_timestamps),
    message: x.message,
    url: x.url,
    'task-id': x.task_id,
    'task-name': x.task_name,
    'task-url': x.task_url,
    'task-result-outcomes-count': x.outcome_ids.length,
    stage: x.stage,
    'is-speculative': x.plan_only,
    'workspace-task-id': x.workspace_task_id,
    'workspace-task-enforcement-level': x.enforcement_level,
    'agent-pool-id': null,
    'created-at': x.created_at,
    'updated-at': x.updated_at,
  }),
  relationships: (x) => ({
    // the client decodes this one under its older spelling
    task_stage: toOne('task-stages', x.task_stage_id),
    'task-stage': toOne('task-stages', x.task_stage_id),
    'task-result-outcomes': toMany('task-result-outcomes', x.outcome_ids),
  }),
  links: (x) => ({ self: `/api/v2/task-results/${x.id}` }),
})

export const taskOutcome = defineResource<TaskOutcome>({
  type: 'task-result-outcomes',
  id: (t) => t.id,
  attributes: (t) => ({
    'outcome-id': t.outcome_id,
    description: t.description,
    body: t.body,
    url: t.url,
    tags: t.tags,
    'created-at': t.created_at,
  }),
  relationships: (t) => ({ 'task-result': toOne('task-results', t.task_result_id) }),
})
