import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { postToTask } from './post.ts'

/**
 * A test request to a task that is to be saved. A task has to answer it with 200.
 * Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration
 * @throws problem 'invalid_attribute'
 */
export async function verifyTask(
  app: App,
  to: { url: string; hmacKey: string | null },
  organizationName: string,
): Promise<void> {
  const payload = {
    payload_version: 1,
    stage: 'test',
    access_token: 'test-token',
    capabilities: { outcomes: true },
    configuration_version_download_url: null,
    configuration_version_id: null,
    is_speculative: false,
    organization_name: organizationName,
    run_app_url: app.config.url,
    run_created_at: app.now().toISOString(),
    run_created_by: '',
    run_id: 'run-test',
    run_message: 'Test of a run task',
    task_result_callback_url: `${app.config.url}/api/v2/task-results/taskrs-test/callback`,
    task_result_enforcement_level: 'test',
    task_result_id: 'taskrs-test',
    workspace_app_url: app.config.url,
    workspace_id: 'ws-test',
    workspace_name: 'test',
    workspace_working_directory: '',
  }
  const refused = await postToTask(app, to, payload)
  if (refused) throw invalid('url', `Url does not answer the test request with 200: ${refused}`)
}
