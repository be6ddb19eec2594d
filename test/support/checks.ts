import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { lockRun } from '../../shared/runs/transition.ts'
import { settleStage } from '../../shared/tasks/settle.ts'
import type { TestServer } from './server.ts'

const StageRow = z.object({ stage: z.string(), result: z.string(), evaluation: z.string() })

const portIsOpen = {
  id: 'NET-1',
  description: 'A port is open',
  body: '# Why\n\nPort **9000** is public.',
  url: 'https://scanner.example/2',
}

/** Lets the checks after a run's plan fail, as the background jobs do with a task and OPA: a person must decide. */
export async function failChecks(
  server: TestServer,
  runId: string,
  { message = 'Two findings', findings = [portIsOpen] } = {},
): Promise<void> {
  const { db } = server.app
  const ids = await db.one(sql.type(StageRow)`
    select s.id as stage, x.id as result, e.id as evaluation
    from task_stages s
    join task_results x on x.task_stage_id = s.id
    join policy_evaluations e on e.task_stage_id = s.id
    where s.run_id = ${runId}`)
  await db.query(sql.void`
    update task_results
    set status = 'failed', message = ${message}, url = 'https://scanner.example/1'
    where id = ${ids.result}`)
  const tags = { Severity: [{ label: 'High', level: 'error' }] }
  for (const { id, description, body, url } of findings)
    await db.query(sql.void`
      insert into task_result_outcomes (id, task_result_id, outcome_id, description, body, url, tags, created_at)
      values (${newId('taskrsoc')}, ${ids.result}, ${id}, ${description}, ${body}, ${url}, ${sql.jsonb(tags)},
        clock_timestamp())`)
  const outcome = (name: string, level: string, status: string) => ({
    policy_name: name,
    description: `What ${name} asks for`,
    query: 'data.terraform.policies.deny',
    enforcement_level: level,
    status,
  })
  const outcomes = [
    outcome('no-destroy', 'mandatory', 'failed'),
    outcome('tags', 'advisory', 'failed'),
    outcome('zones', 'advisory', 'passed'),
  ]
  await db.query(sql.void`
    insert into policy_set_outcomes (id, policy_evaluation_id, policy_set_name, overridable, outcomes, result_count)
    values (${newId('psout')}, ${ids.evaluation}, 'guards', true, ${sql.jsonb(outcomes)},
      ${sql.jsonb({ passed: 1, advisory_failed: 1, mandatory_failed: 1, errored: 0 })})`)
  await db.query(sql.void`
    update policy_evaluations
    set status = 'failed', passed = 1, advisory_failed = 1, mandatory_failed = 1, blocks = true, overridable = true
    where id = ${ids.evaluation}`)
  await db.transaction(async (tx) => {
    await lockRun(tx, runId)
    await settleStage(server.app, tx, runId, ids.stage)
  })
}
