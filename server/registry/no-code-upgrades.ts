import { selectNoCodeVersions } from '../../shared/registry/no-code-modules.ts'
import { offeredVersion } from '../../shared/registry/no-code-workspaces.ts'
import type { Workspace } from '../../shared/workspaces/queries.ts'
import type { Context } from '../route.ts'

type Upgrades = Map<string, { 'no-code-upgrade-available': boolean }>

/** Whether a workspace's module is offered in another version than it has; asks nothing for ordinary workspaces. */
export async function noCodeUpgrades(workspaces: readonly Workspace[], { app }: Context): Promise<Upgrades> {
  const upgrades: Upgrades = new Map(workspaces.map(({ id }) => [id, { 'no-code-upgrade-available': false }]))
  const ids = workspaces.filter((w) => w.no_code_module_id !== null).map(({ id }) => id)
  if (ids.length === 0) return upgrades
  for (const row of await selectNoCodeVersions(app.db, ids)) {
    const offered = offeredVersion(row.version_pin, row.versions)
    const isAvailable = offered !== null && offered !== row.module_version
    upgrades.set(row.workspace_id, { 'no-code-upgrade-available': isAvailable })
  }
  return upgrades
}
