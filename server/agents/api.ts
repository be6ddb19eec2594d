// Source: shared/api/surface.tsv (agent pools, agents, agent tokens), …/terraform/cloud-docs/api-docs/agents and …/agent-tokens
import { z } from 'zod'
import { deleteAgentRow, selectAgentsOfPool } from '../../shared/agents/agents.ts'
import {
  type AgentPoolChange,
  createAgentPool,
  deleteAgentPool,
  updateAgentPool,
} from '../../shared/agents/pool-changes.ts'
import { type AgentPoolFilter, selectAgentPool, selectAgentPoolsPage } from '../../shared/agents/pools.ts'
import { problem } from '../../shared/errors.ts'
import { selectQueueDepths } from '../../shared/runs/depth.ts'
import { selectTokensOfPool } from '../../shared/tokens/tokens.ts'
import { many, one } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { pageOf } from '../jsonapi/page.ts'
import { queueStatus } from '../metrics.ts'
import { type Context, Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { authenticationToken } from '../tokens/json.ts'
import { makeToken, TokenAttributes } from '../tokens/new-token.ts'
import { agent, agentPool } from './json.ts'
import { agentById, agentPoolById, visibleTo } from './subject.ts'

export const agentPools = new Routes('/api/v2')

const Attributes = z.object({
  name: z.string().optional(),
  'organization-scoped': z.boolean().optional(),
  'concurrent-run-limit': z.number().int().min(1).max(100_000).nullable().optional(),
})

function changeOf(input: Input<z.output<typeof Attributes>>): AgentPoolChange {
  const ids = (name: string) => input.relatedList(name)?.map(({ id }) => id ?? '')
  return {
    name: input.attributes.name,
    organizationScoped: input.attributes['organization-scoped'],
    concurrentRunLimit: input.attributes['concurrent-run-limit'],
    allowedWorkspaces: ids('allowed-workspaces'),
    excludedWorkspaces: ids('excluded-workspaces'),
    allowedProjects: ids('allowed-projects'),
  }
}

const text = (value: string | string[] | undefined): string | null => [value ?? []].flat()[0] || null

const sorts: readonly string[] = ['name', '-name', 'created-at', '-created-at']

function filterOf({ query }: Context): AgentPoolFilter {
  const sort = text(query.sort) ?? 'name'
  return {
    q: text(query.q),
    allowedWorkspaceName: text(query['filter[allowed_workspaces][name]']),
    allowedProjectName: text(query['filter[allowed_projects][name]']),
    sort: (sorts.includes(sort) ? sort : 'name') as AgentPoolFilter['sort'],
  }
}

const readPool = async (ctx: Context, id: string, organizationId: string) =>
  one(agentPool, await selectAgentPool(ctx.app.db, id, await visibleTo(ctx, organizationId)), ctx)

agentPools.get(
  '/organizations/:organization_name/agent-pools',
  { action: 'agent-pool:read', subject: organizationByName },
  async (ctx) => {
    const { id } = ctx.subject.organization
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectAgentPoolsPage(
      ctx.app.db,
      id,
      await visibleTo(ctx, id),
      filterOf(ctx),
      page,
    )
    return many(agentPool, rows, ctx, { page, totalCount })
  },
)

agentPools.post(
  '/organizations/:organization_name/agent-pools',
  { action: 'agent-pool:manage', subject: organizationByName, attributes: Attributes, answers: 201 },
  async (ctx) => {
    const { organization } = ctx.subject
    const change = changeOf(ctx.input)
    const id = await createAgentPool(ctx.app, organization.id, { ...change, name: change.name ?? '' })
    return readPool(ctx, id, organization.id)
  },
)

agentPools.get('/agent-pools/:agent_pool_id', { action: 'agent-pool:read', subject: agentPoolById }, (ctx) =>
  readPool(ctx, ctx.subject.pool.id, ctx.subject.pool.organization_id),
)

agentPools.patch(
  '/agent-pools/:agent_pool_id',
  { action: 'agent-pool:manage', subject: agentPoolById, attributes: Attributes },
  async (ctx) => {
    const { pool } = ctx.subject
    await updateAgentPool(ctx.app, pool, changeOf(ctx.input))
    return readPool(ctx, pool.id, pool.organization_id)
  },
)

agentPools.delete('/agent-pools/:agent_pool_id', { action: 'agent-pool:manage', subject: agentPoolById }, (ctx) =>
  deleteAgentPool(ctx.app, ctx.subject.pool.id),
)

agentPools.get(
  '/agent-pools/:agent_pool_id/authentication-tokens',
  { action: 'agent-pool:manage', subject: agentPoolById },
  async (ctx) => {
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectTokensOfPool(ctx.app.db, ctx.subject.pool.id, page)
    return many(authenticationToken, rows, ctx, { page, totalCount })
  },
)

agentPools.post(
  '/agent-pools/:agent_pool_id/authentication-tokens',
  { action: 'agent-pool:manage', subject: agentPoolById, attributes: TokenAttributes, answers: 201 },
  (ctx) => {
    const { id, organization_id } = ctx.subject.pool
    return makeToken(ctx, ctx.input.attributes, { kind: 'agent', agentPoolId: id, organizationId: organization_id })
  },
)

agentPools.get(
  '/agent-pools/:agent_pool_id/agents',
  { action: 'agent-pool:read', subject: agentPoolById },
  async (ctx) => {
    const page = pageOf(ctx)
    const since = new Date(text(ctx.query['filter[last-ping-since]']) ?? '')
    const { rows, totalCount } = await selectAgentsOfPool(
      ctx.app.db,
      ctx.subject.pool.id,
      Number.isNaN(since.getTime()) ? null : since,
      page,
    )
    return many(agent, rows, ctx, { page, totalCount })
  },
)

agentPools.get(
  '/agent-pools/:agent_pool_id/queue',
  { action: 'agent-pool:read', subject: agentPoolById },
  async (ctx) => {
    const [depth] = await selectQueueDepths(ctx.app.db, ctx.subject.pool.id)
    if (!depth) throw problem('not_found')
    return one(queueStatus, depth, ctx)
  },
)

agentPools.get('/agents/:agent_id', { action: 'agent-pool:read', subject: agentById }, (ctx) =>
  one(agent, ctx.subject.agent, ctx),
)

agentPools.delete('/agents/:agent_id', { action: 'agent-pool:manage', subject: agentById }, async (ctx) => {
  const { id, status } = ctx.subject.agent
  if (status === 'idle' || status === 'busy')
    throw problem('conflict', `The agent is ${status}. Stop it first, or revoke its token.`)
  await deleteAgentRow(ctx.app.db, id)
})
