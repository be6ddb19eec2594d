import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { requireAllowedPool } from '../agents/pool-changes.ts'
import type { App } from '../app.ts'
import { type EngineName, runnableVersion, versionsAtHand } from '../engines/versions.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { nameTaken } from '../names.ts'
import { requireRoomForWorkspace } from '../site/limits.ts'
import { readSiteSettings } from '../site/settings.ts'
import { lockWorkspaceRow, selectWorkspace, type Workspace } from './queries.ts'
import { type Columns, settingColumns, type WorkspaceSettings } from './settings.ts'

export interface NewWorkspace {
  organizationId: string
  projectId: string
  engine: EngineName
  settings: WorkspaceSettings & { name: string }
  source: string
  createdBy: string | null
}

/** @throws problem 'invalid_attribute' with a pointer */
export async function createWorkspace(app: App, tx: Tx, input: NewWorkspace): Promise<Workspace> {
  await requireRoomForWorkspace(app, tx, input.organizationId)
  const id = newId('ws')
  // a name of its own until the settings are checked, so that the unique index judges the real one once
  await tx.query(sql.void`
    insert into workspaces (id, organization_id, project_id, name, engine, source, created_by)
    values (${id}, ${input.organizationId}, ${input.projectId}, ${id}, ${input.engine}, ${input.source}, ${input.createdBy})`)
  const { 'default-remote-state-access': isShared } = await readSiteSettings(app, 'general', tx)
  const settings = { ...(isShared && { 'global-remote-state': true }), ...input.settings }
  return updateWorkspace(app, tx, await selectWorkspace(tx, id), { settings })
}

export async function updateWorkspace(
  app: App,
  tx: Tx,
  workspace: Workspace,
  change: { settings: WorkspaceSettings; projectId?: string | undefined },
): Promise<Workspace> {
  const columns: Columns = settingColumns(change.settings, workspace)
  if (change.projectId) columns.project_id = change.projectId
  if (typeof columns.engine_version === 'string') await checkVersion(app, tx, workspace.engine, columns.engine_version)
  if (typeof columns.agent_pool_id === 'string') await requireAllowedPool(tx, columns.agent_pool_id, workspace.id)
  const sets = Object.entries(columns).map(
    ([column, value]) =>
      sql.fragment`${sql.identifier([column])} = ${Array.isArray(value) ? sql.array(value, 'text') : value}`,
  )
  try {
    await tx.query(sql.void`
      update workspaces
      set ${sql.join([...sets, sql.fragment`updated_at = now()`], sql.fragment`, `)}
      where id = ${workspace.id}`)
  } catch (error) {
    throw nameTaken(error)
  }
  return selectWorkspace(tx, workspace.id)
}

async function checkVersion(app: App, tx: Tx, engine: EngineName, version: string): Promise<void> {
  if (await runnableVersion(app, engine, version, tx)) return
  const atHand = (await versionsAtHand(tx, engine)).join(', ') || 'none'
  throw invalid(
    'terraform-version',
    `Terraform version ${JSON.stringify(version)} of ${engine} cannot be run by this server. Versions at hand: ${atHand}.`,
  )
}

/** With everything in it: runs, states, variables. */
export const deleteWorkspace = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from workspaces
    where id = ${id}`)

const ProcessingRow = z.object({ is_processing: z.boolean() })

/**
 * Deletes a workspace that nobody holds and that manages nothing.
 * @throws problem 'conflict' with a text that the CLI recognizes (shared/api/cli-protocol.md 2.3)
 */
export async function safeDeleteWorkspace(tx: Tx, id: string): Promise<void> {
  const workspace = await lockWorkspaceRow(tx, id)
  if (!workspace) throw problem('not_found')
  if (workspace.locked_by_user_id || workspace.locked_by_team_id || workspace.holder_run_id) {
    throw problem('conflict', 'Workspace cannot be safely deleted because it is locked.')
  }
  const { is_processing } = await tx.one(sql.type(ProcessingRow)`
    select exists (
      select 1
      from state_versions s
      where s.workspace_id = ${id}
        and (s.status = 'pending' or (s.id = ${workspace.current_state_version_id} and not s.resources_processed))
    ) as is_processing`)
  if (is_processing) {
    throw problem(
      'conflict',
      'Workspace cannot be safely deleted because its latest state version is still being processed.',
    )
  }
  if (workspace.resource_count > 0) {
    throw problem('conflict', 'Workspace cannot be safely deleted because it is still managing resources.')
  }
  await deleteWorkspace(tx, id)
}
