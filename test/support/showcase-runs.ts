import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { finishPhase } from '../../shared/runs/hold.ts'
import { lockRun } from '../../shared/runs/transition.ts'
import { settleStage } from '../../shared/tasks/settle.ts'
import { processState } from '../../worker/background/state-process.ts'
import { startRun, uploadConfiguration } from './configurations.ts'
import { examplePlan, keepPlan } from './plans.ts'
import { document, type TestServer } from './server.ts'
import { expectStatus } from './stack.ts'
import { putState } from './states.ts'
import { finish, take, write } from './worker.ts'

const planLog = `Terraform v1.11.4
Initializing plugins and modules...
Terraform has been successfully initialized!
aws_vpc.main: Refreshing state... [id=vpc-1]
aws_subnet.private["app-1a"]: Refreshing state... [id=subnet-0b81f4c2]
  \x1b[1m# aws_instance.bastion\x1b[0m must be \x1b[31mreplaced\x1b[0m
\x1b[31m-\x1b[0m/\x1b[32m+\x1b[0m resource "aws_instance" "bastion" {
      \x1b[33m~\x1b[0m availability_zone = "eu-central-1a" -> "eu-central-1b" # forces replacement
    }
\x1b[1mPlan:\x1b[0m 5 to add, 6 to change, 3 to destroy.
`
const applyLog = `aws_instance.bastion: Destroying... [id=i-0a1b]
aws_instance.bastion: Destruction complete after 12s
aws_instance.bastion: Creating...
aws_instance.bastion: Creation complete after 9s [id=i-0c2d]
\x1b[32mApply complete! Resources: 5 added, 6 changed, 3 destroyed.\x1b[0m
`
const failure = `${JSON.stringify({
  '@level': 'error',
  '@message': 'Error: No such subnet',
  type: 'diagnostic',
  diagnostic: {
    severity: 'error',
    summary: 'No such subnet',
    detail: 'The subnet subnet-0b81f4c2 was deleted outside of this configuration.',
    address: 'aws_instance.a',
    range: { filename: 'net.tf', start: { line: 3 } },
    snippet: { code: 'subnet_id = "subnet-0b81f4c2"', context: 'resource "aws_instance" "a"' },
  },
})}\n`

export const counts = { additions: 5, changes: 6, destructions: 3 }

/** A workspace of the organization `acme` in which a run can be started, and its way to each status. */
export async function runsOf(server: TestServer, name: string, attributes: Record<string, unknown> = {}) {
  const { api, app } = server
  const made = await api.post('/organizations/acme/workspaces', document({ name, ...attributes }))
  const workspaceId = expectStatus(made, 201).json.data.id as string
  await uploadConfiguration(api, workspaceId, { 'main.tf': '' })
  const start = (message: string, more: Record<string, unknown> = {}) =>
    startRun(api, workspaceId, { message, ...more })
  const act = async (id: string, action: string, body?: unknown) => {
    expectStatus(await api.post(`/runs/${id}/actions/${action}`, body), 202)
    return id
  }
  const planned = async (message: string, more: Record<string, unknown> = {}, isFull = true) => {
    const id = await start(message, more)
    const claim = await take(app, id, 'plan')
    await write(app, claim, planLog)
    if (isFull) await keepPlan(app, claim, examplePlan())
    await finish(app, claim, counts)
    return id
  }
  const applying = async (message: string) => {
    const id = await act(await planned(message), 'apply', { comment: 'The gateway is not used since spring.' })
    const claim = await take(app, id, 'apply')
    await write(app, claim, applyLog)
    return { id, claim }
  }
  return {
    name,
    workspaceId,
    start,
    act,
    planned,
    applying,
    async applied(message: string) {
      const { id, claim } = await applying(message)
      await finish(app, claim, counts)
      return id
    },
    async planning(message: string) {
      const id = await start(message)
      await write(app, await take(app, id, 'plan'), planLog.split('\n').slice(0, 4).join('\n'))
      return id
    },
    async unchanged(message: string) {
      const id = await start(message)
      await finish(app, await take(app, id, 'plan'), {})
      return id
    },
    async failed(message: string) {
      const id = await start(message)
      const claim = await take(app, id, 'plan')
      await write(app, claim, `${planLog.split('\n').slice(0, 4).join('\n')}\n${failure}`)
      await finishPhase(app, claim, { outcome: 'errored', reason: 'No such subnet' })
      return id
    },
  }
}

export type Runs = Awaited<ReturnType<typeof runsOf>>

/** Three states: resources and outputs come, change and go. */
export async function putStates(server: TestServer, workspaceId: string): Promise<void> {
  const lineage = randomUUID()
  const output = (value: string, more = {}) => ({ value, type: 'string', ...more })
  const token = (value: string) => output(value, { sensitive: true })
  const named = (prefix: string, n: number, value: string) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`${prefix}_${i + 1}`, value]))
  const states = [
    { resources: named('subnet', 6, '10.20.0.0/20'), outputs: { ports: output('80') } },
    {
      resources: { ...named('subnet', 12, '10.20.0.0/20'), gateway: 'nat-1' },
      outputs: { ports: output('80, 443'), token: token('first') },
    },
    {
      resources: { ...named('subnet', 12, '10.20.16.0/20'), bastion: 'i-0c2d' },
      outputs: { ports: output('443, 8443'), token: token('second'), vpc_id: output('vpc-0b81f4c2') },
    },
  ]
  for (const [i, state] of states.entries())
    await putState(server.api, workspaceId, { serial: 41 + i, lineage, ...state })
  const versions = await server.app.db.any(sql.type(z.object({ id: z.string() }))`
    select id from state_versions where workspace_id = ${workspaceId}`)
  for (const { id } of versions) await processState(server.app, id)
}

const StageRow = z.object({ stage: z.string(), result: z.string(), evaluation: z.string() })

/** Lets the checks after a run's plan fail, as the background jobs do with a task and OPA: a person must decide. */
export async function failChecks(server: TestServer, runId: string): Promise<void> {
  const { db } = server.app
  const ids = await db.one(sql.type(StageRow)`
    select s.id as stage, x.id as result, e.id as evaluation
    from task_stages s
    join task_results x on x.task_stage_id = s.id
    join policy_evaluations e on e.task_stage_id = s.id
    where s.run_id = ${runId}`)
  await db.query(sql.void`
    update task_results
    set status = 'failed', message = 'Two findings', url = 'https://scanner.example/1'
    where id = ${ids.result}`)
  const tags = { Severity: [{ label: 'High', level: 'error' }] }
  await db.query(sql.void`
    insert into task_result_outcomes (id, task_result_id, outcome_id, description, body, url, tags, created_at)
    values (${newId('taskrsoc')}, ${ids.result}, 'NET-1', 'A port is open', ${'# Why\n\nPort **9000** is public.'},
      'https://scanner.example/2', ${sql.jsonb(tags)}, clock_timestamp())`)
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
