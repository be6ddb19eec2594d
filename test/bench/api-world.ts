import { openPool, type Pool } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { insertUser } from '../../shared/users/users.ts'
import { uploadConfiguration } from '../support/configurations.ts'
import { type Api, apiClient, document } from '../support/server.ts'
import { expectStatus } from '../support/stack.ts'

export const WORKSPACES = 10_000
const RUNS = 30_000

export interface BenchWorld {
  organization: string
  /** Of an owner of the organization who is no site admin. */
  token: string
  workspaceIds: string[]
  /** It has a tenth of the runs. */
  busy: string
}

/** An organization of 10,000 workspaces with variables, tags, a configuration and runs, made by SQL where that is quicker. */
export async function fillBenchWorld(url: string, databaseUrl: string): Promise<BenchWorld> {
  const db = await openPool(databaseUrl, { maxConnections: 2 })
  try {
    const userId = await insertUser(db, { username: 'bench', email: 'bench@people.example', passwordHash: null })
    const { token } = await insertToken(db, { kind: 'user', userId })
    const api = apiClient(url, token)
    expectStatus(await api.post('/organizations', document({ name: 'bench', email: 'a@people.example' })), 201)
    const first = expectStatus(await api.post('/organizations/bench/workspaces', document({ name: 'bench-0' })), 201)
    const busy = first.json.data.id as string
    const configuration = await uploadConfiguration(api, busy, { 'main.tf': '' })
    await fillWorkspaces(db, busy)
    await fillRuns(db, busy, configuration)
    await db.query(sql.void`vacuum analyze`)
    return {
      organization: 'bench',
      token,
      busy,
      workspaceIds: Array.from({ length: WORKSPACES - 1 }, (_, i) => `ws-bench${i + 1}`),
    }
  } finally {
    await db.end()
  }
}

async function fillWorkspaces(db: Pool, like: string): Promise<void> {
  await db.query(sql.void`
    insert into workspaces (id, organization_id, project_id, name, latest_change_at, queue_all_runs)
    select 'ws-bench' || n, w.organization_id, w.project_id, 'bench-' || n, now() - n * interval '1 minute', true
    from workspaces w, generate_series(1, ${WORKSPACES - 1}) n
    where w.id = ${like}`)
  await db.query(sql.void`
    insert into tag_bindings (id, organization_id, workspace_id, key, value)
    select 'tb-' || substr(w.id, 4) || k, w.organization_id, w.id, 'key' || k, 'x'
    from workspaces w, generate_series(1, 2) k`)
  await db.query(sql.void`
    insert into variables (id, workspace_id, key, value, category, version_id, sensitive)
    select 'var-' || substr(w.id, 4) || k, w.id, 'k' || k, 'x'::bytea, 'terraform', 'v', true
    from workspaces w, generate_series(1, 3) k`)
}

async function fillRuns(db: Pool, busy: string, configuration: string): Promise<void> {
  await db.query(sql.void`
    insert into configuration_versions (id, workspace_id, status, blob_id, current_at)
    select 'cv-' || substr(w.id, 4), w.id, c.status, c.blob_id, now()
    from workspaces w
    join configuration_versions c on c.id = ${configuration}
    where w.id <> ${busy}`)
  await db.query(sql.void`
    insert into runs (id, workspace_id, organization_id, configuration_version_id, number, status, engine, engine_version,
      created_at, finished_at)
    select 'run-bench' || n, w.id, w.organization_id, null, n,
      (array['applied', 'planned_and_finished', 'errored', 'discarded', 'canceled'])[n % 5 + 1],
      'terraform', '1.11.4', now() - n * interval '1 minute', now()
    from generate_series(1, ${RUNS}) n
    join workspaces w on w.id = case when n % 10 = 0 then ${busy} else 'ws-bench' || n % ${WORKSPACES - 1} + 1 end`)
  await db.query(sql.void`
    insert into phases (id, run_id, kind, status, organization_id)
    select kind || '-' || substr(r.id, 5), r.id, kind, 'finished', r.organization_id
    from runs r, unnest(array['plan', 'apply']) kind`)
  await db.query(sql.void`
    update workspaces w
    set run_count = coalesce((select max(number) from runs r where r.workspace_id = w.id), 0),
      current_run_id = (select r.id from runs r where r.workspace_id = w.id order by number desc limit 1),
      current_configuration_version_id =
        (select c.id from configuration_versions c where c.workspace_id = w.id order by c.id limit 1)`)
}

export interface OpenLog {
  path: string
  headers: Record<string, string>
}

/** Phases that an agent by hand has begun, each with the address that takes the pieces of its log. */
export async function openLogs(url: string, world: BenchWorld, count: number): Promise<OpenLog[]> {
  const api = apiClient(url, world.token)
  const pool = expectStatus(await api.post('/organizations/bench/agent-pools', document({ name: 'bench' })), 201)
  const poolId = pool.json.data.id as string
  const made = await api.post(`/agent-pools/${poolId}/authentication-tokens`, document({ description: 'bench' }))
  const token = expectStatus(made, 201).json.data.attributes.token as string
  const agent = apiClient(url, token)
  const registration = { name: 'bench', version: '1', engines: [], labels: {}, concurrency: count }
  const { id } = expectStatus(await agent.post('/api/agent/v1/agents', registration), 201).json
  const logs: OpenLog[] = []
  for (let i = 0; i < count; i++) {
    await startAgentRun(api, poolId, i)
    const offered = await agent.post(`/api/agent/v1/agents/${id}/take`, { waitSeconds: 5 })
    const { offer } = expectStatus(offered, 200).json
    const started = await agent('POST', `/api/agent/v1/agents/${id}/start`, {}, { 'tofutf-phase': offer })
    const { work, credential } = expectStatus(started, 200).json
    logs.push({
      path: `/api/agent/v1/phases/${work.phaseId}/log`,
      headers: { Authorization: `Bearer ${token}`, 'tofutf-phase': credential },
    })
  }
  return logs
}

async function startAgentRun(api: Api, poolId: string, i: number): Promise<void> {
  const attributes = { name: `agent-${i}`, 'execution-mode': 'agent', 'agent-pool-id': poolId }
  const made = await api.post(
    '/organizations/bench/workspaces',
    document({ ...attributes, 'terraform-version': '1.11.4' }),
  )
  const workspaceId = expectStatus(made, 201).json.data.id as string
  await uploadConfiguration(api, workspaceId, { 'main.tf': '' })
  const workspace = { data: { type: 'workspaces', id: workspaceId } }
  expectStatus(await api.post('/runs', document({}, { workspace })), 201)
}
