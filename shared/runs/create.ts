import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { requireUsablePool } from '../agents/pool-changes.ts'
import type { App } from '../app.ts'
import { selectUsableConfiguration } from '../configurations/queries.ts'
import { resolveVersion } from '../engines/versions.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { LIVE_CHANNEL } from '../live.ts'
import { isSubscribed, notifyOfRun } from '../notifications/fire.ts'
import { mayHaveStages, planStages } from '../tasks/plan-stages.ts'
import type { Workspace } from '../workspaces/queries.ts'
import { discardSuperseded } from './superseded.ts'
import { lockRun, transition } from './transition.ts'
import { promoteNext } from './workspace-queue.ts'

export interface RunOptions {
  planOnly?: boolean | undefined
  savePlan?: boolean | undefined
  isDestroy?: boolean | undefined
  refresh?: boolean | undefined
  refreshOnly?: boolean | undefined
  autoApply?: boolean | undefined
  allowEmptyApply?: boolean | undefined
  allowConfigGeneration?: boolean | undefined
  targetAddrs?: string[] | null | undefined
  replaceAddrs?: string[] | null | undefined
  /** Folders of policies that the run names, kept for its readers. */
  policyPaths?: string[] | null | undefined
  /** Actions to invoke instead of changing resources. */
  invokeActionAddrs?: string[] | null | undefined
  /** HCL expressions that override the workspace's variables. */
  variables?: { key: string; value: string }[] | null | undefined
  engineVersion?: string | undefined
  message?: string | undefined
}

export interface NewRun extends RunOptions {
  workspace: Workspace
  /** Absent: the workspace's current configuration. */
  configurationVersionId?: string | null | undefined
  source: string
  triggerReason?: string
  /** false for callers that cannot render the JSON UI stream (the remote backend). */
  structuredOutput: boolean
  createdBy: string | null
  createdByTeamId?: string | null
}

const ConfigurationRow = z.object({ id: z.string(), status: z.string(), speculative: z.boolean() })
const CreatedRow = z.object({ has_stages: z.boolean(), is_subscribed: z.boolean() })

/**
 * Makes a run with its plan and apply, and gives it its turn when it has one: plan-only and saved-plan runs start at
 * once, others when the workspace is free. All in the caller's transaction.
 * @throws problem 'invalid_attribute' (422) when there is no configuration to run or options contradict
 */
export async function createRun(app: App, tx: Tx, run: NewRun): Promise<string> {
  const { workspace } = run
  const configuration = await configurationOf(tx, run)
  const planOnly = configuration.speculative || (run.planOnly ?? false)
  const savePlan = !planOnly && (run.savePlan ?? false)
  if (run.isDestroy && !workspace.allow_destroy_plan) {
    throw invalid('is-destroy', 'This workspace does not allow destroy plans (allow-destroy-plan is off).')
  }
  if (run.isDestroy && run.refreshOnly)
    throw invalid('refresh-only', 'A run cannot be both a destroy and refresh-only.')
  if (run.refreshOnly && run.refresh === false) throw invalid('refresh', 'A refresh-only run needs refresh.')
  if (run.refreshOnly && run.replaceAddrs?.length)
    throw invalid('replace-addrs', 'A refresh-only run cannot replace resources.')
  if (workspace.execution_mode === 'local') {
    throw problem('forbidden', 'This workspace has execution mode local: its runs happen on the client.')
  }
  await requireUsablePool(tx, workspace)
  const engineVersion = await resolveVersion(
    app,
    tx,
    workspace.engine,
    run.engineVersion ?? workspace.engine_version,
    workspace.execution_mode === 'agent' ? workspace.agent_pool_id : null,
  )

  const id = newId('run')
  const variables = run.variables ? app.secrets.seal(JSON.stringify(run.variables), `runs.variables:${id}`) : null
  const at = app.now().toISOString()
  const { has_stages, is_subscribed } = await tx.one(sql.type(CreatedRow)`
    with numbered as (
      update workspaces
      set run_count = run_count + 1
      where id = ${workspace.id}
      returning run_count),
    run as (
      insert into runs (id, workspace_id, organization_id, configuration_version_id, number, status, plan_only,
        save_plan, is_destroy, refresh, refresh_only, auto_apply, allow_empty_apply, allow_config_generation,
        structured_output, target_addrs, replace_addrs, policy_paths, invoke_action_addrs, variables, engine,
        engine_version, execution_mode, agent_pool_id, message, source, trigger_reason, status_timestamps, created_by,
        created_by_team_id)
      values (${id}, ${workspace.id}, ${workspace.organization_id}, ${configuration.id},
        (select run_count from numbered), 'pending', ${planOnly}, ${savePlan}, ${run.isDestroy ?? false},
        ${run.refresh ?? true}, ${run.refreshOnly ?? false}, ${run.autoApply ?? workspace.auto_apply},
        ${run.allowEmptyApply ?? false}, ${run.allowConfigGeneration ?? false},
        ${run.structuredOutput && workspace.structured_run_output}, ${list(run.targetAddrs)}, ${list(run.replaceAddrs)},
        ${list(run.policyPaths)}, ${list(run.invokeActionAddrs)}, ${variables ? sql.binary(variables) : null},
        ${workspace.engine}, ${engineVersion}, ${workspace.execution_mode},
        ${workspace.execution_mode === 'agent' ? workspace.agent_pool_id : null}, ${run.message ?? ''}, ${run.source},
        ${run.triggerReason ?? 'manual'}, ${sql.jsonb({ 'plan-queueable-at': at })}, ${run.createdBy},
        ${run.createdByTeamId ?? null})),
    phase as (
      insert into phases (id, run_id, kind)
      values (${newId('plan')}, ${id}, 'plan'), (${newId('apply')}, ${id}, 'apply')),
    event as (
      insert into run_events (id, run_id, action, actor_user_id, created_at)
      values (${newId('re')}, ${id}, 'created', ${run.createdBy}, clock_timestamp()))
    select ${mayHaveStages(workspace.organization_id)} as has_stages,
      ${isSubscribed(sql.fragment`${workspace.id}::text`)} as is_subscribed,
      pg_notify(${LIVE_CHANNEL}, ${`runs ${workspace.id} ${id}`})::text
    from numbered`)
  if (has_stages) await planStages(app, tx, { id, planOnly }, workspace)
  if (is_subscribed) await notifyOfRun(app, tx, { id, workspace_id: workspace.id }, 'pending')
  if (planOnly || savePlan) await transition(app, tx, await lockRun(tx, id), 'turn')
  else {
    if (workspace.discard_superseded_runs) await discardSuperseded(app, tx, { id, workspaceId: workspace.id })
    await promoteNext(app, tx, workspace.id)
  }
  return id
}

const list = (values: string[] | null | undefined) => (values?.length ? sql.array(values, 'text') : null)

async function configurationOf(tx: Tx, run: NewRun): Promise<{ id: string; speculative: boolean }> {
  if (run.configurationVersionId == null) {
    const current = await selectUsableConfiguration(tx, run.workspace.id)
    if (!current) {
      throw invalid(
        'configuration-version',
        'No configuration was uploaded to this workspace yet. Upload one, or run from the CLI.',
      )
    }
    return { id: current.id, speculative: false }
  }
  const given = await tx.maybeOne(sql.type(ConfigurationRow)`
    select id, status, speculative
    from configuration_versions
    where id = ${run.configurationVersionId} and workspace_id = ${run.workspace.id}`)
  if (!given) throw invalid('configuration-version', 'The configuration version does not exist in this workspace.')
  if (given.status !== 'uploaded')
    throw invalid('configuration-version', `The configuration version is ${given.status}, not uploaded.`)
  return given
}
