import type { PolicyEvaluation, PolicySetOutcome } from '../../shared/policies/evaluations.ts'
import { defineResource, statusTimestamps, toMany, toOne } from '../jsonapi/document.ts'

export const policyEvaluation = defineResource<PolicyEvaluation>({
  type: 'policy-evaluations',
  id: (e) => e.id,
  attributes: (e) => ({
    status: e.status,
    'policy-kind': e.policy_kind,
    'policy-tool-version': e.policy_tool_version,
    'status-timestamps': statusTimestamps(e.status_timestamps),
    'result-count': {
      passed: e.passed,
      'advisory-failed': e.advisory_failed,
      'mandatory-failed': e.mandatory_failed,
      errored: e.errored,
    },
    'created-at': e.created_at,
    'updated-at': e.updated_at,
  }),
  relationships: (e) => ({
    'policy-attachable': toOne('task-stages', e.task_stage_id),
    'policy-set-outcomes': toMany('policy-set-outcomes', e.outcome_ids),
  }),
  links: (e) => ({ self: `/api/v2/policy-evaluations/${e.id}` }),
})

/** The keys of outcomes and result_count are snake_case: that is how clients decode them. */
export const policySetOutcome = defineResource<PolicySetOutcome>({
  type: 'policy-set-outcomes',
  id: (x) => x.id,
  attributes: (x) => ({
    outcomes: x.outcomes,
    error: x.error,
    overridable: x.overridable,
    'policy-set-name': x.policy_set_name,
    'policy-set-description': x.policy_set_description,
    result_count: x.result_count,
  }),
  relationships: (x) => ({ 'policy-evaluation': toOne('policy-evaluations', x.policy_evaluation_id) }),
  links: (x) => ({ self: `/api/v2/policy-set-outcomes/${x.id}` }),
})
