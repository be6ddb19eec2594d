import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { statuses } from './lifecycle.ts'
import { stages } from './stages.ts'

const Stamps = z.record(z.string(), z.string())

export const RunRow = z.object({
  id: z.string(),
  workspace_id: z.string(),
  workspace_name: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  project_id: z.string(),
  configuration_version_id: z.string().nullable(),
  number: z.number(),
  status: z.enum(statuses),
  plan_only: z.boolean(),
  save_plan: z.boolean(),
  is_destroy: z.boolean(),
  refresh: z.boolean(),
  refresh_only: z.boolean(),
  auto_apply: z.boolean(),
  allow_empty_apply: z.boolean(),
  allow_config_generation: z.boolean(),
  structured_output: z.boolean(),
  target_addrs: z.array(z.string()).nullable(),
  replace_addrs: z.array(z.string()).nullable(),
  policy_paths: z.array(z.string()).nullable(),
  invoke_action_addrs: z.array(z.string()).nullable(),
  variables: z.instanceof(Buffer).nullable(),
  engine: z.enum(['terraform', 'tofu']),
  engine_version: z.string(),
  execution_mode: z.string(),
  agent_pool_id: z.string().nullable(),
  message: z.string(),
  source: z.string(),
  trigger_reason: z.string(),
  has_changes: z.boolean(),
  error_reason: z.string().nullable(),
  status_timestamps: Stamps,
  stop_wish: z.enum(['cancel', 'force']).nullable(),
  canceled_at: z.date().nullable(),
  force_cancel_available_at: z.date().nullable(),
  force_canceled_at: z.date().nullable(),
  base_state_version_id: z.string().nullable(),
  created_by: z.string().nullable(),
  created_by_team_id: z.string().nullable(),
  confirmed_by: z.string().nullable(),
  canceled_by: z.string().nullable(),
  created_at: z.date(),
  updated_at: z.date(),
  finished_at: z.date().nullable(),
  plan_id: z.string(),
  apply_id: z.string(),
  stages: z.array(z.enum(stages)),
  task_stage_ids: z.array(z.string()),
  run_event_ids: z.array(z.string()),
  comment_ids: z.array(z.string()),
  recoverable_state_version_id: z.string().nullable(),
})
export type Run = z.output<typeof RunRow>

export const runColumns = sql.fragment`
  r.id, r.workspace_id, w.name as workspace_name, r.organization_id, o.name as organization_name, w.project_id,
  r.configuration_version_id, r.number, r.status, r.plan_only, r.save_plan, r.is_destroy, r.refresh, r.refresh_only,
  r.auto_apply, r.allow_empty_apply, r.allow_config_generation, r.structured_output, r.target_addrs, r.replace_addrs,
  r.policy_paths, r.invoke_action_addrs,
  r.variables, r.engine, r.engine_version, r.execution_mode, r.agent_pool_id, r.message, r.source, r.trigger_reason,
  r.has_changes, r.error_reason, r.status_timestamps, r.stop_wish, r.canceled_at, r.force_cancel_available_at,
  r.force_canceled_at, r.base_state_version_id, r.created_by, r.created_by_team_id, r.confirmed_by, r.canceled_by,
  r.created_at, r.updated_at, r.finished_at,
  (select p.id from phases p where p.run_id = r.id and p.kind = 'plan') as plan_id,
  (select p.id from phases p where p.run_id = r.id and p.kind = 'apply') as apply_id,
  r.stages,
  array(
    select s.id from task_stages s
    where s.run_id = r.id order by array_position(r.stages, s.stage)) as task_stage_ids,
  array(select e.id from run_events e where e.run_id = r.id order by e.created_at, e.id) as run_event_ids,
  array(select c.id from comments c where c.run_id = r.id order by c.created_at, c.id) as comment_ids,
  (
    select s.id
    from state_versions s
    where s.run_id = r.id and s.status = 'discarded' and s.recovered_at is not null and not exists (
      select 1 from state_versions x where x.workspace_id = r.workspace_id and x.status = 'finalized' and x.md5 = s.md5)
    order by s.serial desc
    limit 1) as recoverable_state_version_id`

export const runTables = sql.fragment`
  runs r
  join workspaces w on w.id = r.workspace_id
  join organizations o on o.id = r.organization_id and o.deleted_at is null`

export const selectOptionalRun = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(RunRow)`
    select ${runColumns}
    from ${runTables}
    where r.id = ${id}`)

export const selectRun = (tx: Tx, id: string) =>
  tx.one(sql.type(RunRow)`
    select ${runColumns}
    from ${runTables}
    where r.id = ${id}`)

/** Runs by id, in no order; for includes. */
export const selectRuns = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(RunRow)`
    select ${runColumns}
    from ${runTables}
    where r.id = any(${sql.array([...ids], 'text')})`)

export interface RunFilter {
  statuses?: readonly string[] | undefined
  sources?: readonly string[] | undefined
  /** plan_only, plan_and_apply, save_plan, refresh_only, destroy, empty_apply */
  operations?: readonly string[] | undefined
  search?: string | undefined
  user?: string | undefined
}

function conditions(filter: RunFilter): FragmentSqlToken {
  const parts: FragmentSqlToken[] = [sql.fragment`true`]
  if (filter.statuses?.length) parts.push(sql.fragment`r.status = any(${sql.array([...filter.statuses], 'text')})`)
  if (filter.sources?.length) parts.push(sql.fragment`r.source = any(${sql.array([...filter.sources], 'text')})`)
  if (filter.operations?.length) {
    parts.push(sql.fragment`
      case
        when r.plan_only then 'plan_only'
        when r.save_plan then 'save_plan'
        when r.refresh_only then 'refresh_only'
        when r.is_destroy then 'destroy'
        when r.allow_empty_apply then 'empty_apply'
        else 'plan_and_apply'
      end = any(${sql.array([...filter.operations], 'text')})`)
  }
  if (filter.search) {
    parts.push(sql.fragment`(r.id = ${filter.search} or strpos(lower(r.message), lower(${filter.search})) > 0)`)
  }
  if (filter.user) {
    parts.push(sql.fragment`r.created_by in (select id from users where lower(username) = lower(${filter.user}))`)
  }
  return sql.join(parts, sql.fragment` and `) as unknown as FragmentSqlToken
}

const CountRow = z.object({ count: z.number() })

/** Newest first. */
export async function selectRunsOfWorkspace(
  tx: Tx,
  workspaceId: string,
  filter: RunFilter,
  page: { size: number; offset: number },
) {
  const where = sql.fragment`r.workspace_id = ${workspaceId} and ${conditions(filter)}`
  const rows = await tx.any(sql.type(RunRow)`
    select ${runColumns}
    from ${runTables}
    where ${where}
    order by r.created_at desc, r.id desc
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(CountRow)`
    select count(*)::int as count
    from runs r
    where ${where}`)
  return { rows, totalCount: count }
}

const workspacesNamed = (organizationId: string, names: readonly string[]) => sql.fragment`
  select x.id
  from workspaces x
  where x.organization_id = ${organizationId} and x.name = any(${sql.array([...names], 'text')})
    and lower(x.name) = any(${sql.array(
      names.map((name) => name.toLowerCase()),
      'text',
    )})`

/** Newest first, over the workspaces that the condition on `w` allows. One row more than asked tells that there is a next page. */
export const selectRunsOfOrganization = (
  tx: Tx,
  organizationId: string,
  visible: FragmentSqlToken,
  filter: RunFilter & { workspaceNames?: readonly string[] | undefined },
  page: { size: number; offset: number },
) =>
  tx.any(sql.type(RunRow)`
    select ${runColumns}
    from ${runTables}
    where r.organization_id = ${organizationId}
      and ${visible}
      and ${conditions(filter)}
      ${filter.workspaceNames ? sql.fragment`and r.workspace_id in (${workspacesNamed(organizationId, filter.workspaceNames)})` : sql.fragment``}
    order by r.created_at desc, r.id desc
    limit ${page.size + 1} offset ${page.offset}`)

export const PhaseRow = z.object({
  id: z.string(),
  run_id: z.string(),
  kind: z.enum(['plan', 'apply']),
  status: z.enum(['pending', 'queued', 'running', 'finished', 'errored', 'canceled', 'unreachable']),
  has_changes: z.boolean(),
  additions: z.number(),
  changes: z.number(),
  destructions: z.number(),
  imports: z.number(),
  generated_configuration: z.boolean(),
  status_timestamps: Stamps,
  claim: z.number(),
  claimed_by: z.string().nullable(),
  started_at: z.date().nullable(),
  finished_at: z.date().nullable(),
  log_size: z.number(),
  log_closed: z.boolean(),
  plan_file_blob_id: z.string().nullable(),
  lock_file_blob_id: z.string().nullable(),
  plan_json_blob_id: z.string().nullable(),
  plan_json_redacted_blob_id: z.string().nullable(),
  structured_output: z.boolean(),
  execution_mode: z.string(),
  workspace_id: z.string(),
  organization_id: z.string(),
  project_id: z.string(),
  state_version_ids: z.array(z.string()),
})
export type Phase = z.output<typeof PhaseRow>

const phaseColumns = sql.fragment`
  p.id, p.run_id, p.kind, p.status, p.has_changes, p.additions, p.changes, p.destructions, p.imports,
  p.generated_configuration, p.status_timestamps, p.claim, p.claimed_by, p.started_at, p.finished_at, p.log_size,
  p.log_closed, p.plan_file_blob_id, p.lock_file_blob_id, p.plan_json_blob_id, p.plan_json_redacted_blob_id,
  r.structured_output, r.execution_mode, r.workspace_id, r.organization_id, w.project_id,
  case when p.kind = 'apply'
    then array(select s.id from state_versions s where s.run_id = r.id order by s.created_at desc, s.id limit 100)
    else '{}'::text[]
  end as state_version_ids`

const phaseTables = sql.fragment`
  phases p
  join runs r on r.id = p.run_id
  join workspaces w on w.id = r.workspace_id
  join organizations o on o.id = r.organization_id and o.deleted_at is null`

export const selectOptionalPhase = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(PhaseRow)`
    select ${phaseColumns}
    from ${phaseTables}
    where p.id = ${id}`)

export const selectPhases = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(PhaseRow)`
    select ${phaseColumns}
    from ${phaseTables}
    where p.id = any(${sql.array([...ids], 'text')})`)
