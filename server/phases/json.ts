import type { Phase } from '../../shared/runs/queries.ts'
import { signedUrl } from '../../shared/signed-url.ts'
import { defineResource, statusTimestamps, toMany } from '../jsonapi/document.ts'
import type { Context } from '../route.ts'

const common = (p: Phase, ctx: Context) => ({
  status: p.status,
  'status-timestamps': statusTimestamps(p.status_timestamps),
  'resource-additions': p.additions,
  'resource-changes': p.changes,
  'resource-destructions': p.destructions,
  'resource-imports': p.imports,
  'structured-run-output-enabled': p.structured_output,
  'execution-details': { mode: p.execution_mode },
  // there from creation on: a client refuses a run whose plan has no log address
  'log-read-url': signedUrl(ctx.app, ctx.origin, 'log', p.id),
  actions: { 'is-exportable': p.status === 'finished' },
  permissions: { 'can-export': true },
})

export const plan = defineResource<Phase>({
  type: 'plans',
  id: (p) => p.id,
  attributes: (p, ctx) => ({
    ...common(p, ctx),
    'has-changes': p.has_changes,
    'generated-configuration': p.generated_configuration,
  }),
  relationships: () => ({ 'state-versions': { data: [] }, exports: { data: [] } }),
  links: (p) => ({
    self: `/api/v2/plans/${p.id}`,
    'json-output': `/api/v2/plans/${p.id}/json-output`,
    'json-output-redacted': `/api/v2/plans/${p.id}/json-output-redacted`,
    'json-schema': `/api/v2/plans/${p.id}/json-schema`,
  }),
})

export const apply = defineResource<Phase>({
  type: 'applies',
  id: (p) => p.id,
  attributes: common,
  relationships: (p) => ({ 'state-versions': toMany('state-versions', p.state_version_ids) }),
  links: (p) => ({ self: `/api/v2/applies/${p.id}` }),
})
