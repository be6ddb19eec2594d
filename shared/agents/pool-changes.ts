import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid, Problem, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { checkName, nameTaken } from '../names.ts'
import { poolQueue } from '../queues.ts'
import { dispatchHeldBack } from '../runs/dispatch.ts'
import type { Workspace } from '../workspaces/queries.ts'
import { poolAllows, selectUseOfAgentPool } from './pools.ts'

/** undefined: unchanged. Lists take the place of what was there. */
export interface AgentPoolChange {
  name?: string | undefined
  organizationScoped?: boolean | undefined
  /** Most phases its agents are given at once; null: no limit. */
  concurrentRunLimit?: number | null | undefined
  allowedWorkspaces?: string[] | undefined
  excludedWorkspaces?: string[] | undefined
  allowedProjects?: string[] | undefined
}

/** @returns the id */
export async function createAgentPool(
  app: App,
  organizationId: string,
  pool: AgentPoolChange & { name: string },
): Promise<string> {
  checkName(pool.name)
  const id = newId('apool')
  // Before the row, so that no run can be made for a pool without a queue; a queue that stays without its pool is empty.
  await app.queue.ensurePool(id)
  try {
    await taken(() =>
      app.db.transaction(async (tx) => {
        await tx.query(sql.void`
          insert into agent_pools (id, organization_id, name)
          values (${id}, ${organizationId}, ${pool.name})`)
        await writeChange(tx, organizationId, id, pool)
      }),
    )
  } catch (error) {
    await app.queue.boss.deleteQueue(poolQueue(id)).catch(() => {})
    throw error
  }
  return id
}

export async function updateAgentPool(
  app: App,
  pool: { id: string; organization_id: string },
  change: AgentPoolChange,
): Promise<void> {
  if (change.name !== undefined) checkName(change.name)
  await taken(() =>
    app.db.transaction(async (tx) => {
      await writeChange(tx, pool.organization_id, pool.id, change)
      // a higher limit takes effect at once
      if (change.concurrentRunLimit !== undefined) await dispatchHeldBack(app, tx, pool.organization_id, { wait: true })
    }),
  )
}

async function taken(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    throw nameTaken(error)
  }
}

async function writeChange(tx: Tx, organizationId: string, id: string, change: AgentPoolChange): Promise<void> {
  await tx.query(sql.void`
    update agent_pools
    set name = coalesce(${change.name ?? null}, name),
      organization_scoped = coalesce(${change.organizationScoped ?? null}::boolean, organization_scoped),
      concurrent_run_limit = case
        when ${change.concurrentRunLimit === undefined} then concurrent_run_limit
        else ${change.concurrentRunLimit ?? null}::integer
      end
    where id = ${id}`)
  await writeWorkspaces(tx, organizationId, id, 'allowed', change.allowedWorkspaces)
  await writeWorkspaces(tx, organizationId, id, 'excluded', change.excludedWorkspaces)
  await writeProjects(tx, organizationId, id, change.allowedProjects)
}

async function writeWorkspaces(
  tx: Tx,
  organizationId: string,
  id: string,
  relation: 'allowed' | 'excluded',
  workspaceIds: string[] | undefined,
): Promise<void> {
  if (!workspaceIds) return
  const ids = [...new Set(workspaceIds)]
  await tx.query(sql.void`
    delete from agent_pool_workspaces
    where agent_pool_id = ${id} and relation = ${relation}`)
  const { rowCount } = await tx.query(sql.void`
    insert into agent_pool_workspaces (agent_pool_id, workspace_id, relation)
    select ${id}, w.id, ${relation}
    from workspaces w
    where w.organization_id = ${organizationId} and w.id = any(${sql.array(ids, 'text')})`)
  if (rowCount !== ids.length) throw missing(`${relation}-workspaces`, 'workspace')
}

async function writeProjects(
  tx: Tx,
  organizationId: string,
  id: string,
  projectIds: string[] | undefined,
): Promise<void> {
  if (!projectIds) return
  const ids = [...new Set(projectIds)]
  await tx.query(sql.void`delete from agent_pool_projects where agent_pool_id = ${id}`)
  const { rowCount } = await tx.query(sql.void`
    insert into agent_pool_projects (agent_pool_id, project_id)
    select ${id}, p.id
    from projects p
    where p.organization_id = ${organizationId} and p.id = any(${sql.array(ids, 'text')})`)
  if (rowCount !== ids.length) throw missing('allowed-projects', 'project')
}

const missing = (relationship: string, what: string): Problem =>
  new Problem('invalid_attribute', {
    detail: `A ${what} in ${relationship} does not exist in this organization`,
    pointer: `/data/relationships/${relationship}`,
  })

/** @throws problem 'conflict' while something depends on its agents */
export async function deleteAgentPool(app: App, id: string): Promise<void> {
  await app.db.transaction(async (tx) => {
    await tx.query(sql.void`
      select id
      from agent_pools
      where id = ${id}
      for update`)
    const use = await selectUseOfAgentPool(tx, id)
    if (use.workspaces > 0)
      throw problem(
        'conflict',
        `The agent pool is used by ${use.workspaces} workspace(s). Give them another one first.`,
      )
    if (use.is_default) throw problem('conflict', 'The agent pool is a default of the organization or of a project.')
    if (use.runs > 0)
      throw problem('conflict', `${use.runs} run(s) wait for this agent pool or run in it. Cancel them first.`)
    await tx.query(sql.void`delete from agent_pools where id = ${id}`)
  })
  // its finished jobs go with it; what cannot be removed now is empty and never fetched
  await app.queue.boss
    .deleteQueue(poolQueue(id))
    .catch((error: Error) => app.log.warn({ err: error.message, id }, 'the queue of a deleted agent pool stays'))
}

/** @throws problem 'invalid_attribute' unless the pool exists in the workspace's organization and may serve it */
export async function requireAllowedPool(tx: Tx, agentPoolId: string, workspaceId: string): Promise<void> {
  const allowed = await poolAllows(tx, agentPoolId, workspaceId)
  const name = JSON.stringify(agentPoolId)
  if (allowed === null) throw invalid('agent-pool-id', `Agent pool ${name} does not exist in this organization`)
  if (!allowed) throw invalid('agent-pool-id', `Agent pool ${name} does not allow this workspace`)
}

/**
 * Asked when a run is made: a run of an agent's workspace must never fall to the server's own runners.
 * @throws problem 'invalid_attribute'
 */
export async function requireUsablePool(tx: Tx, workspace: Workspace): Promise<void> {
  if (workspace.execution_mode !== 'agent') return
  if (!workspace.agent_pool_id)
    throw invalid('agent-pool-id', "The workspace has execution mode 'agent' but no agent pool. Set one first.")
  await requireAllowedPool(tx, workspace.agent_pool_id, workspace.id)
}
