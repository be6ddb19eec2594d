import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** Without a ping for so long an agent is of unknown status. Agents ping every 10 s. */
const UNKNOWN_AFTER_SECONDS = 30

/** A condition on agents `ag`. */
export const isAlive = sql.fragment`
  (ag.status in ('idle', 'busy') and ag.last_ping_at > now() - make_interval(secs => ${UNKNOWN_AFTER_SECONDS}))`

const Engines = z.array(z.object({ name: z.string(), version: z.string() }))

export const AgentRow = z.object({
  id: z.string(),
  agent_pool_id: z.string(),
  organization_id: z.string(),
  name: z.string(),
  address: z.string(),
  version: z.string(),
  engines: Engines,
  labels: z.record(z.string(), z.string()),
  concurrency: z.number(),
  status: z.enum(['idle', 'busy', 'unknown', 'exited', 'errored']),
  last_ping_at: z.date(),
  created_at: z.date(),
})
export type Agent = z.output<typeof AgentRow>

/** Of a living agent only whether it pings is known for sure; what it does follows from the phases it holds. */
const columns = sql.fragment`
  ag.id, ag.agent_pool_id, a.organization_id, ag.name, ag.address, ag.version, ag.engines, ag.labels, ag.concurrency,
  case
    when ag.status in ('exited', 'errored') then ag.status
    when not ${isAlive} then 'unknown'
    when exists (select 1 from phases p where p.claimed_by = ag.id and p.status = 'running') then 'busy'
    else 'idle'
  end as status,
  ag.last_ping_at, ag.created_at`

const tables = sql.fragment`
  agents ag
  join agent_pools a on a.id = ag.agent_pool_id
  join organizations o on o.id = a.organization_id and o.deleted_at is null`

export const selectOptionalAgent = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(AgentRow)`
    select ${columns}
    from ${tables}
    where ag.id = ${id}`)

const LivingRow = AgentRow.extend({ total_count: z.number() })

/**
 * Living agents of the organizations `o` for which the condition holds, newest first, each with the count of all that
 * there are.
 */
export const selectLivingAgents = (tx: Tx, organizations: FragmentSqlToken, limit: number) =>
  tx.any(sql.type(LivingRow)`
    select ${columns}, count(*) over ()::int as total_count
    from ${tables}
    where ${isAlive} and ${organizations}
    order by ag.created_at desc, ag.id
    limit ${limit}`)

/** Newest first. */
export async function selectAgentsOfPool(
  tx: Tx,
  agentPoolId: string,
  lastPingSince: Date | null,
  page: { size: number; offset: number },
) {
  const since = lastPingSince?.toISOString() ?? null
  const where = sql.fragment`
    ag.agent_pool_id = ${agentPoolId} and (${since}::timestamptz is null or ag.last_ping_at >= ${since}::timestamptz)`
  const rows = await tx.any(sql.type(AgentRow)`
    select ${columns}
    from ${tables}
    where ${where}
    order by ag.created_at desc, ag.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from agents ag
    where ${where}`)
  return { rows, totalCount: count }
}

export interface AgentFacts {
  name: string
  address: string
  version: string
  engines: z.output<typeof Engines>
  labels: Record<string, string>
  concurrency: number
}

export const insertAgent = (tx: Tx, id: string, agentPoolId: string, agent: AgentFacts) =>
  tx.query(sql.void`
    insert into agents (id, agent_pool_id, name, address, version, engines, labels, concurrency)
    values (${id}, ${agentPoolId}, ${agent.name}, ${agent.address}, ${agent.version}, ${sql.jsonb(agent.engines)},
      ${sql.jsonb(agent.labels)}, ${agent.concurrency})`)

/** The sign of life of an agent. @returns whether the pool has this agent */
export async function touchAgent(tx: Tx, id: string, agentPoolId: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql.void`
    update agents
    set last_ping_at = now(), status = 'idle'
    where id = ${id} and agent_pool_id = ${agentPoolId}`)
  return rowCount > 0
}

/** @returns whether the pool has this agent */
export async function endAgent(
  tx: Tx,
  id: string,
  agentPoolId: string,
  status: 'exited' | 'errored',
): Promise<boolean> {
  const { rowCount } = await tx.query(sql.void`
    update agents
    set last_ping_at = now(), status = ${status}
    where id = ${id} and agent_pool_id = ${agentPoolId}`)
  return rowCount > 0
}

export const deleteAgentRow = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from agents
    where id = ${id}`)
