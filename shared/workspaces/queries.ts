import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { TagBindingRow, tagBindingsOf } from '../tags/queries.ts'

/** Execution mode and agent pool are the effective ones: the workspace's own, else the project's, else the organization's. */
export const WorkspaceRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  project_id: z.string(),
  name: z.string(),
  description: z.string(),
  engine: z.enum(['terraform', 'tofu']),
  /** exact, a constraint, or 'latest' */
  engine_version: z.string(),
  execution_mode: z.enum(['remote', 'local', 'agent']),
  /** null unless the execution mode is 'agent' */
  agent_pool_id: z.string().nullable(),
  overwrites_execution_mode: z.boolean(),
  overwrites_agent_pool: z.boolean(),
  working_directory: z.string(),
  auto_apply: z.boolean(),
  auto_apply_run_trigger: z.boolean(),
  allow_destroy_plan: z.boolean(),
  structured_run_output: z.boolean(),
  queue_all_runs: z.boolean(),
  speculative_enabled: z.boolean(),
  file_triggers_enabled: z.boolean(),
  global_remote_state: z.boolean(),
  project_remote_state: z.boolean(),
  trigger_prefixes: z.array(z.string()),
  trigger_patterns: z.array(z.string()),
  assessments_enabled: z.boolean(),
  discard_superseded_runs: z.boolean(),
  unconfirmed_plan_timeout_minutes: z.number().nullable(),
  ssh_key_id: z.string().nullable(),
  auto_destroy_at: z.date().nullable(),
  /** the effective one */
  auto_destroy_duration: z.string().nullable(),
  inherits_auto_destroy: z.boolean(),
  retention_policy: z.object({ id: z.string(), days: z.number().nullable() }).nullable(),
  source: z.string(),
  source_name: z.string().nullable(),
  source_url: z.string().nullable(),
  no_code_module_id: z.string().nullable(),
  locked_by_user_id: z.string().nullable(),
  locked_by_team_id: z.string().nullable(),
  lock_reason: z.string(),
  holder_run_id: z.string().nullable(),
  current_run_id: z.string().nullable(),
  current_state_version_id: z.string().nullable(),
  current_configuration_version_id: z.string().nullable(),
  run_count: z.number(),
  resource_count: z.number(),
  latest_change_at: z.date(),
  /** since when, and by which run, the state may differ from reality */
  state_doubted_at: z.date().nullable(),
  state_doubted_run_id: z.string().nullable(),
  created_at: z.date(),
  updated_at: z.date(),
  /** as they were given */
  tag_bindings: z.array(TagBindingRow),
  project_tag_bindings: z.array(TagBindingRow),
  variable_ids: z.array(z.string()),
  /** whether its admins, and not only owners, may delete it while it manages resources */
  admins_force_delete: z.boolean(),
})
export type Workspace = z.output<typeof WorkspaceRow>

const mode = sql.fragment`
  case when w.overwrites_execution_mode then w.execution_mode
    else coalesce(p.settings ->> 'default-execution-mode', o.settings ->> 'default-execution-mode', 'remote') end`

export const workspaceColumns = sql.fragment`
  w.id, w.organization_id, o.name as organization_name, w.project_id, w.name, w.description, w.engine, w.engine_version,
  ${mode} as execution_mode,
  case when ${mode} = 'agent' then
    case when w.overwrites_agent_pool then w.agent_pool_id
      else coalesce(p.settings ->> 'default-agent-pool-id', o.settings ->> 'default-agent-pool-id') end
  end as agent_pool_id,
  w.overwrites_execution_mode, w.overwrites_agent_pool, w.working_directory, w.auto_apply, w.auto_apply_run_trigger,
  w.allow_destroy_plan, w.structured_run_output, w.queue_all_runs, w.speculative_enabled, w.file_triggers_enabled,
  w.global_remote_state, w.project_remote_state, w.trigger_prefixes, w.trigger_patterns, w.assessments_enabled,
  w.discard_superseded_runs, w.unconfirmed_plan_timeout_minutes, w.ssh_key_id, w.auto_destroy_at, w.inherits_auto_destroy,
  case when w.inherits_auto_destroy then p.settings ->> 'auto-destroy-activity-duration'
    else w.auto_destroy_duration end as auto_destroy_duration,
  (select jsonb_build_object('id', d.id, 'days', d.days)
   from data_retention_policies d
   where d.workspace_id = w.id) as retention_policy,
  w.source, w.source_name,
  w.source_url, w.no_code_module_id, w.locked_by_user_id, w.locked_by_team_id, w.lock_reason, w.holder_run_id, w.current_run_id,
  w.current_state_version_id, w.current_configuration_version_id, w.run_count, w.resource_count, w.latest_change_at,
  w.state_doubted_at, w.state_doubted_run_id, w.created_at, w.updated_at,
  ${tagBindingsOf(sql.fragment`b.workspace_id = w.id`)} as tag_bindings,
  ${tagBindingsOf(sql.fragment`b.project_id = w.project_id`)} as project_tag_bindings,
  array(select v.id from variables v where v.workspace_id = w.id order by v.created_at, v.id) as variable_ids,
  coalesce((o.settings ->> 'allow-force-delete-workspaces')::boolean, false) as admins_force_delete`

export const workspaceTables = sql.fragment`
  workspaces w
  join organizations o on o.id = w.organization_id and o.deleted_at is null
  join projects p on p.id = w.project_id`

export const selectOptionalWorkspaceById = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(WorkspaceRow)`
    select ${workspaceColumns}
    from ${workspaceTables}
    where w.id = ${id}`)

/** Names are compared without regard to case, of the organization and of the workspace. */
export const isNamed = (organizationName: string, name: string) =>
  sql.fragment`lower(o.name) = lower(${organizationName}) and lower(w.name) = lower(${name})`

export const selectOptionalWorkspaceByName = (tx: Tx, organizationName: string, name: string) =>
  tx.maybeOne(sql.type(WorkspaceRow)`
    select ${workspaceColumns}
    from ${workspaceTables}
    where ${isNamed(organizationName, name)}`)

export const selectWorkspace = (tx: Tx, id: string) =>
  tx.one(sql.type(WorkspaceRow)`
    select ${workspaceColumns}
    from ${workspaceTables}
    where w.id = ${id}`)

/** Workspaces by id, in no order; for includes. */
export const selectWorkspaces = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(WorkspaceRow)`
    select ${workspaceColumns}
    from ${workspaceTables}
    where w.id = any(${sql.array([...ids], 'text')})`)

const LockRow = z.object({
  id: z.string(),
  name: z.string(),
  locked_by_user_id: z.string().nullable(),
  locked_by_team_id: z.string().nullable(),
  locked_at: z.date().nullable(),
  holder_run_id: z.string().nullable(),
  current_state_version_id: z.string().nullable(),
  resource_count: z.number(),
})
export type WorkspaceLock = z.output<typeof LockRow>

/** Who holds the workspace, its row locked until the transaction ends: of two who lock at once only one wins. */
export const lockWorkspaceRow = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(LockRow)`
    select w.id, w.name, w.locked_by_user_id, w.locked_by_team_id, w.locked_at, w.holder_run_id,
      w.current_state_version_id, w.resource_count
    from workspaces w
    where w.id = ${id}
    for no key update of w`)

export const moveWorkspaces = (tx: Tx, ids: readonly string[], projectId: string) =>
  tx.query(sql.void`
    update workspaces
    set project_id = ${projectId}, updated_at = now()
    where id = any(${sql.array([...ids], 'text')})`)
