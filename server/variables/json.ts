import type { Variable } from '../../shared/variables/queries.ts'
import { openValue } from '../../shared/variables/variables.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'

/** The value of a sensitive variable is null in every answer. */
export const variable = defineResource<Variable>({
  type: 'vars',
  id: (v) => v.id,
  attributes: (v, { app }) => ({
    key: v.key,
    value: v.sensitive ? null : openValue(app, v),
    description: v.description,
    category: v.category,
    hcl: v.hcl,
    sensitive: v.sensitive,
    'version-id': v.version_id,
    'created-at': v.created_at,
  }),
  // only one of them: clients decode `configurable` as a workspace
  relationships: (v) =>
    v.workspace_id ? { configurable: toOne('workspaces', v.workspace_id) } : { varset: toOne('varsets', v.varset_id) },
  links: (v) => ({
    self: v.workspace_id
      ? `/api/v2/workspaces/${v.workspace_id}/vars/${v.id}`
      : `/api/v2/varsets/${v.varset_id}/relationships/vars/${v.id}`,
  }),
})
