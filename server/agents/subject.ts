import { visibleProjects, visibleWorkspaces } from '../../shared/access/visible.ts'
import { type Agent, selectOptionalAgent } from '../../shared/agents/agents.ts'
import { selectOptionalAgentPoolScope, type Visible } from '../../shared/agents/pools.ts'
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import type { Context, Subject } from '../route.ts'

export interface AgentPoolSubject extends Subject {
  pool: { id: string; organization_id: string }
}

export async function agentPoolById(ctx: Context): Promise<AgentPoolSubject> {
  const id = ctx.params.agent_pool_id!
  const pool = looksLikeId(id, 'apool') ? await selectOptionalAgentPoolScope(ctx.app.db, id) : null
  if (!pool) throw problem('not_found')
  return { pool, scope: { organizationId: pool.organization_id } }
}

export interface AgentSubject extends Subject {
  agent: Agent
}

export async function agentById(ctx: Context): Promise<AgentSubject> {
  const id = ctx.params.agent_id!
  const agent = looksLikeId(id, 'agent') ? await selectOptionalAgent(ctx.app.db, id) : null
  if (!agent) throw problem('not_found')
  return { agent, scope: { organizationId: agent.organization_id } }
}

export async function visibleTo(ctx: Context, organizationId: string): Promise<Visible> {
  return {
    workspaces: await visibleWorkspaces(ctx.access, organizationId),
    projects: await visibleProjects(ctx.access, organizationId),
  }
}
