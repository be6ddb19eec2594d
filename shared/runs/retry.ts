import type { Tx } from '../../db/pool.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { selectOptionalWorkspaceById } from '../workspaces/queries.ts'
import { createRun } from './create.ts'
import type { Run } from './queries.ts'

/**
 * A new run with everything that the given one was started with: configuration version, targets, replaced addresses,
 * variables, flags and engine version. @returns its id
 * @throws problem 'invalid_attribute' when its configuration or its engine cannot be used any more
 */
export async function retryRun(app: App, tx: Tx, run: Run, createdBy: string): Promise<string> {
  const workspace = await selectOptionalWorkspaceById(tx, run.workspace_id)
  if (!workspace) throw problem('not_found')
  if (!run.configuration_version_id)
    throw problem('invalid_attribute', 'The configuration of this run was deleted. Start a new run instead.')
  return createRun(app, tx, {
    workspace,
    configurationVersionId: run.configuration_version_id,
    source: 'tfe-ui',
    structuredOutput: run.structured_output,
    createdBy,
    planOnly: run.plan_only,
    savePlan: run.save_plan,
    isDestroy: run.is_destroy,
    refresh: run.refresh,
    refreshOnly: run.refresh_only,
    autoApply: run.auto_apply,
    allowEmptyApply: run.allow_empty_apply,
    allowConfigGeneration: run.allow_config_generation,
    targetAddrs: run.target_addrs,
    replaceAddrs: run.replace_addrs,
    policyPaths: run.policy_paths,
    invokeActionAddrs: run.invoke_action_addrs,
    variables: run.variables
      ? (JSON.parse(app.secrets.open(run.variables, `runs.variables:${run.id}`).toString('utf8')) as {
          key: string
          value: string
        }[])
      : null,
    // a plan-only run may ask for any version; the others run the workspace's
    ...(run.plan_only && { engineVersion: run.engine_version }),
    message: run.message,
  })
}
