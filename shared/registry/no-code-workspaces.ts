// Workspaces whose configuration is a published module, as it is: its variables are the workspace's.
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { createConfiguration } from '../configurations/configurations.ts'
import { fillConfiguration } from '../configurations/upload.ts'
import { invalid, problem } from '../errors.ts'
import { createRun } from '../runs/create.ts'
import { selectVariables } from '../variables/queries.ts'
import { createVariable, updateVariable, type VariableInput } from '../variables/variables.ts'
import { selectWorkspace, type Workspace } from '../workspaces/queries.ts'
import type { WorkspaceSettings } from '../workspaces/settings.ts'
import { createWorkspace } from '../workspaces/workspaces.ts'
import { type ModuleVersion, selectOptionalModuleVersion } from './module-versions.ts'
import { type NoCodeModule, selectNoCodeVersions } from './no-code-modules.ts'
import { newerFirst } from './semver.ts'

/** The version that a new workspace gets, of those that are published; null when there is none. */
export const offeredVersion = (pin: string | null, published: readonly string[]): string | null =>
  pin !== null && pin !== 'latest'
    ? (published.find((version) => version === pin) ?? null)
    : (published
        .map((version) => ({ version }))
        .sort(newerFirst)
        .at(0)?.version ?? null)

/** @throws problem 'invalid_attribute' for a value that is not among those to choose from */
function checkChoices(noCode: NoCodeModule, variables: readonly VariableInput[]): void {
  for (const { key, value, category } of variables) {
    const choices = noCode.variable_options.find(({ name }) => name === key)?.options ?? []
    if (category === 'env' || choices.length === 0 || choices.includes(value ?? '')) continue
    throw invalid('vars', `The variable ${key} takes one of: ${choices.join(', ')}`)
  }
}

interface Copy {
  version: string
  blobId: string
}

/** The module's archive once more: a configuration version owns its bytes. The sweep removes it if it is not used. */
async function copyOf(app: App, noCode: NoCodeModule, version: ModuleVersion | null): Promise<Copy> {
  if (!noCode.enabled) throw invalid('enabled', 'This module is not offered for no-code workspaces at present.')
  if (version?.status !== 'ok' || !version.blob_id)
    throw invalid('version-pin', 'The module has no published version for no-code workspaces.')
  const stored = await app.blobs.put(await app.blobs.read(version.blob_id), {
    maxBytes: app.config.maxConfigurationBytes,
    tooLarge: 'The module is larger than a configuration may be on this server (TOFUTF_MAX_CONFIGURATION_MB).',
  })
  return { version: version.version, blobId: stored.id }
}

async function configure(
  app: App,
  tx: Tx,
  workspaceId: string,
  copy: Copy,
  how: { provisional: boolean; by: string | null },
) {
  const { id } = await createConfiguration(tx, {
    workspaceId,
    autoQueueRuns: false,
    speculative: false,
    provisional: how.provisional,
    source: 'tfe-module',
    createdBy: how.by,
  })
  await tx.query(sql.void`
    update configuration_versions
    set module_version = ${copy.version}
    where id = ${id}`)
  await fillConfiguration(app, tx, id, copy.blobId)
  return id
}

export interface NewNoCodeWorkspace {
  projectId: string
  settings: WorkspaceSettings & { name: string }
  variables: readonly VariableInput[]
  by: string | null
}

/**
 * A workspace with the module as its configuration, the chosen values and its first run.
 * @throws problem 'invalid_attribute'
 */
export async function provisionWorkspace(
  app: App,
  noCode: NoCodeModule,
  version: ModuleVersion | null,
  wanted: NewNoCodeWorkspace,
): Promise<string> {
  checkChoices(noCode, wanted.variables)
  if (wanted.settings['execution-mode'] === 'local')
    throw invalid('execution-mode', 'A no-code workspace runs on this server or on an agent, not locally')
  const copy = await copyOf(app, noCode, version)
  return app.db.transaction(async (tx) => {
    const { id } = await createWorkspace(app, tx, {
      organizationId: noCode.organization_id,
      projectId: wanted.projectId,
      engine: 'terraform',
      settings: wanted.settings,
      source: 'tfe-module',
      createdBy: wanted.by,
    })
    await tx.query(sql.void`
      update workspaces
      set no_code_module_id = ${noCode.id}
      where id = ${id}`)
    for (const variable of wanted.variables) await createVariable(app, tx, { workspaceId: id }, variable, wanted.by)
    const configurationVersionId = await configure(app, tx, id, copy, { provisional: false, by: wanted.by })
    await createRun(app, tx, {
      workspace: await selectWorkspace(tx, id),
      configurationVersionId,
      source: 'tfe-api',
      message: `Provisioned from the module, version ${copy.version}`,
      structuredOutput: true,
      createdBy: wanted.by,
    })
    return id
  })
}

/**
 * A run of the workspace with the version that the module offers now, and with the given values. It waits for its
 * confirmation; the version becomes the workspace's with its apply.
 * @returns the run's id; null when there is nothing to change
 * @throws problem 'invalid_attribute', 'not_found' for a workspace that was not made of this module
 */
export async function upgradeWorkspace(
  app: App,
  noCode: NoCodeModule,
  workspace: Workspace,
  wanted: { variables: readonly VariableInput[]; by: string | null },
): Promise<string | null> {
  checkChoices(noCode, wanted.variables)
  const [now] = await selectNoCodeVersions(app.db, [workspace.id])
  if (!now || workspace.no_code_module_id !== noCode.id) throw problem('not_found')
  const offered = offeredVersion(now.version_pin, now.versions)
  if (offered === now.module_version && wanted.variables.length === 0) return null
  const version = offered === null ? null : await selectOptionalModuleVersion(app.db, noCode.module_id, offered)
  const copy = await copyOf(app, noCode, version)
  return app.db.transaction(async (tx) => {
    const owner = { workspaceId: workspace.id }
    const { rows: before } = await selectVariables(tx, owner, null)
    for (const variable of wanted.variables) {
      const same = before.find(({ key, category }) => key === variable.key && category === variable.category)
      if (same) await updateVariable(app, tx, owner, same.id, variable, wanted.by)
      else await createVariable(app, tx, owner, variable, wanted.by)
    }
    const configurationVersionId = await configure(app, tx, workspace.id, copy, { provisional: true, by: wanted.by })
    return createRun(app, tx, {
      workspace,
      configurationVersionId,
      autoApply: false,
      source: 'tfe-api',
      message: `Upgrade to version ${copy.version} of the module`,
      structuredOutput: true,
      createdBy: wanted.by,
    })
  })
}
