import type { FolderContents } from '../../shared/registry/module-contents.ts'
import type { NoCodeModule, VariableOptions } from '../../shared/registry/no-code-modules.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'

const variableOption = defineResource<VariableOptions[number]>({
  type: 'variable-options',
  id: (v) => v.id,
  attributes: (v) => ({ 'variable-name': v.name, 'variable-type': v.type, options: v.options }),
})

export const noCodeModule = defineResource<NoCodeModule>({
  type: 'no-code-modules',
  id: (n) => n.id,
  attributes: (n) => ({ enabled: n.enabled, 'version-pin': n.version_pin }),
  relationships: (n) => ({
    organization: toOne('organizations', n.organization_name),
    'registry-module': toOne('registry-modules', n.module_id),
    'variable-options': toMany(
      'variable-options',
      n.variable_options.map(({ id }) => id),
    ),
  }),
  links: (n) => ({ self: `/api/v2/no-code-modules/${n.id}` }),
  includes: {
    'variable-options': async (rows) => ({
      resource: variableOption,
      rows: rows.flatMap((n) => n.variable_options),
    }),
  },
})

export type ModuleVariable = FolderContents['inputs'][number] & {
  version_id: string
  options: string[]
  has_global: boolean
}

/** A variable that the module declares is no row of its own: version and name are its id. */
export const moduleVariable = defineResource<ModuleVariable>({
  type: 'registry-module-variables',
  id: (v) => `${v.version_id}/${v.name}`,
  attributes: (v) => ({
    name: v.name,
    type: v.type,
    description: v.description,
    default: v.default === '' ? null : v.default,
    required: v.required,
    sensitive: v.sensitive,
    options: v.options,
    'has-global': v.has_global,
  }),
})

/** What starting an upgrade answers: the id is its run's; without one there is nothing to upgrade. */
export const workspaceUpgrade = defineResource<{
  id: string
  status: string | null
  url: string | null
  message: string
}>({
  type: 'workspace-upgrade',
  id: (u) => u.id,
  attributes: (u) => ({ status: u.status, 'plan-url': u.url, message: u.message }),
})
