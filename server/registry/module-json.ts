import type { ModuleVersion } from '../../shared/registry/module-versions.ts'
import type { RegistryModule } from '../../shared/registry/modules.ts'
import { selectNoCodeModules } from '../../shared/registry/no-code-modules.ts'
import { newerFirst } from '../../shared/registry/semver.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'
import { noCodeModule } from './no-code-json.ts'

const moduleStatus = (m: RegistryModule): string => {
  if (m.versions.some(({ status }) => status === 'ok')) return 'setup_complete'
  return m.versions.length > 0 && m.versions.every(({ status }) => status.endsWith('failed'))
    ? 'setup_failed'
    : 'pending'
}

export const moduleLink = (m: RegistryModule): string =>
  `/api/v2/organizations/${m.organization_name}/registry-modules/${m.registry_name}/${m.namespace}/${m.name}/${m.provider}`

export const registryModule = defineResource<RegistryModule>({
  type: 'registry-modules',
  id: (m) => m.id,
  async attributes(m, { access }) {
    const manages = await access.may('registry:manage-modules', { organizationId: m.organization_id })
    return {
      name: m.name,
      provider: m.provider,
      namespace: m.namespace,
      'registry-name': m.registry_name,
      status: moduleStatus(m),
      'no-code': m.no_code,
      'publishing-mechanism': m.registry_name === 'private' ? 'git_tag' : null,
      'test-config': { 'tests-enabled': false, ...m.test_config },
      'vcs-repo': null,
      'version-statuses': m.versions
        .toSorted(newerFirst)
        .map(({ version, status, error }) => ({ version, status, ...(error && { error }) })),
      'created-at': m.created_at,
      'updated-at': m.updated_at,
      permissions: { 'can-delete': manages, 'can-resync': manages, 'can-retry': manages },
    }
  },
  relationships: (m) => ({
    organization: toOne('organizations', m.organization_name),
    'no-code-modules': toMany('no-code-modules', m.no_code_module_id ? [m.no_code_module_id] : []),
  }),
  links: (m) => ({ self: moduleLink(m) }),
  includes: {
    'no-code-modules': async (rows, { app }) => ({
      resource: noCodeModule,
      rows: await selectNoCodeModules(
        app.db,
        rows.flatMap((m) => m.no_code_module_id ?? []),
      ),
    }),
  },
})

export const registryModuleVersion = defineResource<ModuleVersion & { upload_url?: string }>({
  type: 'registry-module-versions',
  id: (v) => v.id,
  attributes: (v) => ({
    source: 'tfe-api',
    status: v.status,
    version: v.version,
    'commit-sha': v.commit_sha,
    error: v.error,
    'created-at': v.created_at,
    'updated-at': v.updated_at,
  }),
  relationships: (v) => ({ 'registry-module': toOne('registry-modules', v.module_id) }),
  links: (v): Record<string, string> => (v.upload_url ? { upload: v.upload_url } : {}),
})
