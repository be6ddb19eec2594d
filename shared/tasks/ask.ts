import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { Problem } from '../errors.ts'
import { postToTask } from './post.ts'
import { giveVerdict } from './results.ts'
import { openHmacKey } from './tasks.ts'
import { taskToken } from './token.ts'

/** As many as the queue tries: the first and its retries. */
export const MAX_ATTEMPTS = 4

const AskRow = z.object({
  id: z.string(),
  run_id: z.string(),
  attempts: z.number(),
  stage: z.string(),
  task_url: z.string(),
  task_id: z.string().nullable(),
  hmac_key: z.instanceof(Buffer).nullable(),
  enforcement_level: z.string(),
  plan_only: z.boolean(),
  message: z.string(),
  created_at: z.date(),
  username: z.string().nullable(),
  configuration_version_id: z.string().nullable(),
  workspace_id: z.string(),
  workspace_name: z.string(),
  working_directory: z.string(),
  organization_name: z.string(),
})

/**
 * Sends a run task its request. May come twice: a task that took it is not asked again.
 * @throws Error when it is to be tried again
 */
export async function askTask(app: App, taskResultId: string): Promise<void> {
  const row = await app.db.maybeOne(sql.type(AskRow)`
    update task_results x
    set attempts = x.attempts + 1
    from task_stages s, runs r
    left join users u on u.id = r.created_by, workspaces w, organizations o
    where x.id = ${taskResultId} and x.status = 'pending' and x.sent_at is null
      and s.id = x.task_stage_id and s.status = 'running' and r.id = x.run_id and w.id = r.workspace_id
      and o.id = r.organization_id
    returning x.id, x.run_id, x.attempts, s.stage, x.task_url, x.task_id, x.enforcement_level,
      (select t.hmac_key from tasks t where t.id = x.task_id) as hmac_key, r.plan_only, r.message, r.created_at, u.username,
      r.configuration_version_id, w.id as workspace_id, w.name as workspace_name, w.working_directory,
      o.name as organization_name`)
  if (!row) return
  const hmacKey = row.task_id ? openHmacKey(app, { id: row.task_id, hmac_key: row.hmac_key }) : null
  const refused = await postToTask(app, { url: row.task_url, hmacKey }, payloadOf(app, row))
  if (!refused) {
    await app.db.transaction(async (tx) => {
      // it may have called back before its own answer was here
      await tx.query(sql.void`update task_results set sent_at = now() where id = ${row.id}`)
      await app.queue.send(tx, 'run-task-timeout', { taskResultId }, { startAfter: app.config.runTaskTimeoutMs / 1000 })
    })
    return
  }
  if (row.attempts < MAX_ATTEMPTS) throw new Error(`run task ${taskResultId}: ${refused}`)
  await end(app, row, `The run task could not be asked. ${refused}`)
}

async function end(app: App, result: { id: string; run_id: string }, message: string): Promise<void> {
  try {
    await giveVerdict(app, result, { status: 'errored', message })
  } catch (error) {
    // the run or the result has ended meanwhile: nobody waits for this one
    if (!(error instanceof Problem && error.problem === 'conflict')) throw error
  }
}

function payloadOf(app: App, row: z.output<typeof AskRow>): object {
  const workspaceUrl = `${app.config.url}/app/${row.organization_name}/workspaces/${row.workspace_name}`
  const api = `${app.config.url}/api/v2/task-results/${row.id}`
  const planned = row.stage !== 'pre_plan'
  return {
    payload_version: 1,
    stage: row.stage,
    access_token: taskToken(app, row.id),
    capabilities: { outcomes: true },
    configuration_version_download_url: row.configuration_version_id && `${api}/configuration`,
    configuration_version_id: row.configuration_version_id,
    is_speculative: row.plan_only,
    organization_name: row.organization_name,
    ...(planned && { plan_json_api_url: `${api}/plan-json` }),
    run_app_url: `${workspaceUrl}/runs/${row.run_id}`,
    run_created_at: row.created_at.toISOString(),
    run_created_by: row.username ?? '',
    run_id: row.run_id,
    run_message: row.message,
    task_result_callback_url: `${api}/callback`,
    task_result_enforcement_level: row.enforcement_level,
    task_result_id: row.id,
    vcs_branch: null,
    vcs_commit_url: null,
    vcs_pull_request_url: null,
    vcs_repo_url: null,
    workspace_app_url: workspaceUrl,
    workspace_id: row.workspace_id,
    workspace_name: row.workspace_name,
    workspace_working_directory: row.working_directory,
  }
}

const OverdueRow = z.object({ id: z.string(), run_id: z.string(), silent_ms: z.number(), total_ms: z.number() })

/** A task that shows progress gets more time, but not for ever. */
const MOST_TIMES = 6

/** A task has its time from the request, and again from each sign of progress. */
export async function checkTimeout(app: App, taskResultId: string): Promise<void> {
  const row = await app.db.maybeOne(sql.type(OverdueRow)`
    select id, run_id, (extract(epoch from now() - greatest(sent_at, updated_at)) * 1000)::int as silent_ms,
      (extract(epoch from now() - sent_at) * 1000)::int as total_ms
    from task_results
    where id = ${taskResultId} and status in ('pending', 'running') and sent_at is not null`)
  if (!row) return
  const limit = app.config.runTaskTimeoutMs
  const left = Math.min(limit - row.silent_ms, MOST_TIMES * limit - row.total_ms)
  if (left <= 0) return end(app, row, `The run task gave no result within ${limit / 1000} seconds.`)
  await app.db.transaction((tx) =>
    app.queue.send(tx, 'run-task-timeout', { taskResultId }, { startAfter: Math.ceil(left / 1000) }),
  )
}
