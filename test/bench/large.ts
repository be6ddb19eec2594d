import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { PlanDocument, ResourceChange } from '../../shared/plans/json.ts'
import { finishPhase } from '../../shared/runs/hold.ts'
import { appendLog } from '../../shared/runs/logs.ts'
import { cutLargePlan } from '../../worker/background/plan-rows.ts'
import { processState } from '../../worker/background/state-process.ts'
import { type CrowdSize, fillTables } from '../db/crowd.ts'
import { makeWorld, type World } from '../security/world.ts'
import { startRun } from '../support/configurations.ts'
import { changeOf, keepPlan } from '../support/plans.ts'
import { finished, makeRunnable, take } from '../support/runs.ts'
import type { TestServer } from '../support/server.ts'
import { putState } from '../support/states.ts'

/** One organization: 5,000 workspaces, 100,000 runs of ten weeks. */
const size: CrowdSize = {
  organizations: 20,
  users: 500,
  projects: 40,
  busyProjects: 40,
  teams: 100,
  workspaces: 5_000,
  configurations: 20_000,
  runs: 100_000,
  states: 30_000,
  variables: 30_000,
  auditEntries: 100_000,
  jobs: 0,
  own: 1,
}

export const CHANGES = 10_000
const RESOURCES = 3_000

/** What `makeLarge` made, by the names that paths have for it. */
export interface Large {
  name: string
  ids: World['ids']
  /** A plan of 10,000 changes that waits for somebody. */
  plan: { workspace_name: string; run_id: string }
  /** A state of 3,000 resources. */
  state: { workspace_name: string; state: string }
}

/** A large organization with an object of every kind, in a database that has none of that name. */
export async function makeLarge(server: TestServer, say: (line: string) => void): Promise<Large> {
  const name = 'large'
  const world = await makeWorld(server, name)
  say('one object of every kind is there')
  const plan = await makeLargePlan(server, name)
  say(`a plan of ${CHANGES} changes is there`)
  const state = await makeLargeState(server, name)
  say(`a state of ${RESOURCES} resources is there`)
  await fillTables(server, world, size)
  await nameAll(server)
  say(`${size.workspaces} workspaces with ${size.runs} runs are there`)
  return { name, ids: world.ids, plan, state }
}

/** Names as people give them, some of them very long. */
async function nameAll({ app: { db } }: TestServer): Promise<void> {
  await db.query(sql.void`
    update workspaces
    set name = (array['payments', 'ledger', 'identity', 'search', 'storefront', 'warehouse', 'telemetry'])[m.n % 7 + 1]
      || '-' || (array['production', 'staging', 'development'])[m.n % 3 + 1]
      || '-' || (array['eu-central-1', 'us-east-1', 'ap-southeast-2'])[m.n % 5 % 3 + 1]
      || case when m.n % 40 = 3 then '-the-name-that-nobody-dared-to-shorten-since-the' else '' end || '-' || m.n
    from (select id, substr(id, 5)::int as n from workspaces where id like 'ws-c%') m
    where m.id = workspaces.id`)
  await db.query(sql.void`
    update projects
    set name = 'Platform and shared services of region ' || substr(id, 6)
    where id like 'prj-c%' and substr(id, 6)::int % 5 = 0`)
  await db.query(sql.void`
    update organizations
    set email = 'large@crowd.example'
    where name = 'large'`)
  await db.query(sql.void`vacuum analyze workspaces`)
}

async function makeLargePlan(server: TestServer, organization: string): Promise<Large['plan']> {
  const { app, api } = server
  const name = 'large-plan'
  const { workspaceId, configurationId } = await makeRunnable(server, organization, { name })
  const runId = await startRun(api, workspaceId, { message: 'Move everything to the new account' }, configurationId)
  const claim = await take(server, runId, 'plan')
  const document = largePlan()
  const lines = document.resource_changes!.map(logOf)
  await appendLog(app.db, claim.phaseId, claim.claim, Buffer.from(lines.join('\n')))
  await keepPlan(app, claim, document)
  await cutLargePlan(app, claim.phaseId)
  const count = (action: string) => document.resource_changes!.filter((r) => r.change.actions.includes(action)).length
  await finishPhase(app, claim, {
    ...finished(),
    counts: { additions: count('create'), changes: count('update'), destructions: count('delete'), imports: 0 },
  })
  return { workspace_name: name, run_id: runId }
}

const kinds = ['create', 'create', 'create', 'update', 'update', 'tags', 'create', 'replace', 'destroy', 'create']

/** Instances in modules, single resources, changes of nothing but tags, and what is lost. */
function largePlan(): PlanDocument {
  return {
    resource_changes: Array.from({ length: CHANGES }, (_, i) => largeChange(i)),
    output_changes: { endpoints: { actions: ['update'], before: ['a'], after: ['a', 'b'] } },
  }
}

function largeChange(i: number): ResourceChange {
  const kind = kinds[i % kinds.length]!
  const type = ['aws_instance', 'aws_subnet', 'aws_iam_role', 'aws_db_instance', 'aws_s3_bucket'][(i % 7) % 5]!
  const module = `module.team_${i % 60}${i % 3 === 0 ? '.module.network' : ''}`
  const address = `${module}.${type}.${i % 4 === 0 ? `many["eu-central-1${i}"]` : `one_${i}`}`
  const tags = { release: '2026.11', owner: `team-${i % 60}`, 'cost-center': '4711' }
  const whole = {
    name: `thing-${i}`,
    cidr_block: `10.${i % 256}.0.0/20`,
    description: 'What it is for, in a sentence that somebody once wrote and nobody has looked at since.',
    policy: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['s3:Get*'] }] }),
    ports: [80, 443, 8000 + (i % 100)],
    monitoring: true,
    tags,
  }
  const unknown = { id: true, arn: true, tags_all: true }
  if (kind === 'create') return changeOf(address, ['create'], { after: whole, after_unknown: unknown })
  if (kind === 'destroy') return changeOf(address, ['delete'], { before: { id: `i-${i}`, ...whole } })
  const before = { id: `i-${i}`, ...whole }
  if (kind === 'tags')
    return changeOf(address, ['update'], { before, after: { ...before, tags: { ...tags, release: '2026.12' } } })
  const after = { ...before, cidr_block: `10.${i % 256}.16.0/20`, ports: [443, 8443, 8000 + (i % 100)] }
  if (kind === 'update') return changeOf(address, ['update'], { before, after })
  return changeOf(address, ['delete', 'create'], { before, after, replace_paths: [['cidr_block']] })
}

const logOf = ({ address, type, change }: ResourceChange): string =>
  [
    `  # ${address} will be changed (${change.actions.join(', then ')})`,
    `  ~ resource "${type}" {`,
    '        id = (known after apply)',
    '      + name = "thing"',
    '    }',
    '',
  ].join('\n')

const StateRow = z.object({ id: z.string() })

async function makeLargeState(server: TestServer, organization: string): Promise<Large['state']> {
  const name = 'large-state'
  const { workspaceId } = await makeRunnable(server, organization, { name })
  const resources = Object.fromEntries(Array.from({ length: RESOURCES }, (_, i) => [`thing_${i}`, `value ${i}`]))
  await putState(server.api, workspaceId, { resources, outputs: { name: { value: 'v', type: 'string' } } })
  for (let i = 0; i < 100; i++) {
    const current = await server.app.db.maybeOne(sql.type(StateRow)`
      select current_state_version_id as id
      from workspaces
      where id = ${workspaceId} and current_state_version_id is not null`)
    if (current) {
      await processState(server.app, current.id)
      return { workspace_name: name, state: current.id }
    }
    await sleep(50)
  }
  throw new Error('the large state did not become current')
}
