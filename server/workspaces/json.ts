import type { WorkspaceKpis } from '../../shared/workspaces/kpis.ts'
import type { Workspace } from '../../shared/workspaces/queries.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'
import { noCodeUpgrades } from '../registry/no-code-upgrades.ts'
import { retentionLink } from '../retention/json.ts'
import type { Context } from '../route.ts'
import { effectiveTags } from '../tags/json.ts'
import { type Attached, attachedIncludes, attachedRelationships } from './attached.ts'
import { workspaceIncludes } from './includes.ts'

export const workspaceScope = (w: Workspace) => ({
  organizationId: w.organization_id,
  projectId: w.project_id,
  workspaceId: w.id,
})

export const isLocked = (w: Workspace): boolean =>
  w.locked_by_user_id !== null || w.locked_by_team_id !== null || w.holder_run_id !== null

/** A workspace that manages resources is deleted by force by owners, and by its admins when the organization lets them. */
export const mayForceDelete = async (w: Workspace, { access }: Pick<Context, 'access'>): Promise<boolean> =>
  (await access.may('workspace:delete', workspaceScope(w))) &&
  (w.admins_force_delete || (await access.isOwner(w.organization_id)))

async function permissions(w: Workspace, { access }: Context): Promise<Record<string, boolean>> {
  const may = await access.onWorkspace(workspaceScope(w))
  const grants = await access.workspaceGrants(workspaceScope(w))
  const mayDelete = may('workspace:delete')
  return {
    'can-destroy': mayDelete,
    // its mere presence makes the CLI delete safely
    'can-force-delete': mayDelete && (w.admins_force_delete || (await access.isOwner(w.organization_id))),
    'can-force-unlock': may('workspace:force-unlock'),
    'can-lock': may('workspace:lock'),
    'can-unlock': may('workspace:unlock'),
    'can-manage-run-tasks': grants?.runTasks ?? false,
    'can-manage-tags': may('workspace:tags'),
    'can-manage-hyok': false,
    'can-queue-apply': may('run:apply'),
    'can-queue-destroy': may('run:apply'),
    'can-queue-run': may('run:create'),
    'can-read-settings': true,
    'can-read-run': may('run:read'),
    'can-read-state-versions': may('state:read'),
    'can-read-state-outputs': may('state:read-outputs'),
    'can-create-state-versions': may('state:create'),
    'can-read-variable': may('variable:read'),
    'can-update': may('workspace:update'),
    'can-update-variable': may('variable:manage'),
  }
}

const lockedBy = (w: Workspace) => {
  if (w.holder_run_id) return toOne('runs', w.holder_run_id)
  if (w.locked_by_team_id) return toOne('teams', w.locked_by_team_id)
  return toOne('users', w.locked_by_user_id)
}

export const workspace = defineResource<Workspace & Attached & { kpis?: WorkspaceKpis | undefined }>({
  type: 'workspaces',
  id: (w) => w.id,
  async attributes(w, ctx) {
    return {
      name: w.name,
      description: w.description,
      environment: 'default',
      engine: w.engine,
      'terraform-version': w.engine_version,
      'execution-mode': w.execution_mode,
      operations: w.execution_mode !== 'local',
      'setting-overwrites': { 'execution-mode': w.overwrites_execution_mode, 'agent-pool': w.overwrites_agent_pool },
      'working-directory': w.working_directory,
      'auto-apply': w.auto_apply,
      'auto-apply-run-trigger': w.auto_apply_run_trigger,
      'allow-destroy-plan': w.allow_destroy_plan,
      'can-queue-destroy-plan': w.allow_destroy_plan,
      'structured-run-output-enabled': w.structured_run_output,
      'queue-all-runs': w.queue_all_runs,
      'speculative-enabled': w.speculative_enabled,
      'file-triggers-enabled': w.file_triggers_enabled,
      'trigger-prefixes': w.trigger_prefixes,
      'trigger-patterns': w.trigger_patterns,
      'global-remote-state': w.global_remote_state,
      'project-remote-state': w.project_remote_state,
      'assessments-enabled': w.assessments_enabled,
      'discard-superseded-runs': w.discard_superseded_runs,
      'unconfirmed-plan-timeout-minutes': w.unconfirmed_plan_timeout_minutes,
      'auto-destroy-at': w.auto_destroy_at,
      'auto-destroy-activity-duration': w.auto_destroy_duration,
      'inherits-project-auto-destroy': w.inherits_auto_destroy,
      // an object here, even an empty one, blocks `terraform apply`
      'vcs-repo': null,
      'vcs-repo-identifier': null,
      locked: isLocked(w),
      'locked-reason': w.lock_reason,
      'tag-names': w.tag_bindings.map((b) => b.key),
      source: w.source,
      'source-name': w.source_name,
      'source-url': w.source_url,
      'resource-count': w.resource_count,
      // ours: an apply was lost; null when there is no reason to doubt the state
      'state-may-differ': w.state_doubted_at && { since: w.state_doubted_at, 'run-id': w.state_doubted_run_id },
      'run-failures': w.kpis?.run_failures ?? 0,
      'policy-check-failures': 0,
      'plan-duration-average': Math.round(w.kpis?.plan_ms ?? 0),
      'apply-duration-average': Math.round(w.kpis?.apply_ms ?? 0),
      'workspace-kpis-runs-count': w.run_count,
      'created-at': w.created_at,
      'updated-at': w.updated_at,
      'latest-change-at': w.latest_change_at,
      actions: { 'is-destroyable': w.allow_destroy_plan },
      permissions: await permissions(w, ctx),
    }
  },
  async loads(rows, ctx) {
    // of all of them at once: each row then prints what the caller may
    await ctx.access.preloadWorkspaces(rows.map(workspaceScope))
    return noCodeUpgrades(rows, ctx)
  },
  relationships: (w) => ({
    organization: toOne('organizations', w.organization_name),
    project: toOne('projects', w.project_id),
    'current-run': toOne('runs', w.current_run_id),
    'current-state-version': toOne('state-versions', w.current_state_version_id),
    'current-configuration-version': toOne('configuration-versions', w.current_configuration_version_id),
    'agent-pool': toOne('agent-pools', w.agent_pool_id),
    'locked-by': lockedBy(w),
    'tag-bindings': toMany(
      'tag-bindings',
      w.tag_bindings.map((b) => b.id),
    ),
    'effective-tag-bindings': toMany(
      'effective-tag-bindings',
      effectiveTags(w).map((b) => b.id),
    ),
    'ssh-key': toOne('ssh-keys', w.ssh_key_id),
    'data-retention-policy': retentionLink(w.retention_policy),
    ...attachedRelationships(w),
    vars: toMany('vars', w.variable_ids),
  }),
  links: (w) => ({
    self: `/api/v2/organizations/${w.organization_name}/workspaces/${w.name}`,
    'self-html': `/app/${w.organization_name}/workspaces/${w.name}`,
  }),
  includes: { ...workspaceIncludes, ...attachedIncludes },
})
