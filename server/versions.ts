import { visibleOrganizations } from '../shared/access/visible.ts'
import { type Agent, selectLivingAgents } from '../shared/agents/agents.ts'
import { selectRunners } from '../shared/site/health.ts'
import { productVersion } from '../shared/version.ts'
import { one } from './jsonapi/answer.ts'
import { defineResource } from './jsonapi/document.ts'
import { Routes } from './route.ts'

export const versions = new Routes('/api/v2')

/** No more workers, and no more agents, are named one by one. */
const LISTED = 500

interface AtHand {
  workers: Awaited<ReturnType<typeof selectRunners>>
  agents: readonly Agent[]
  agentCount: number
}

/** What a worker is called tells of the machines of the site: only its admins are told. */
const resource = defineResource<AtHand>({
  type: 'versions',
  id: () => 'current',
  attributes: ({ workers, agents, agentCount }, { access }) => ({
    version: productVersion,
    workers: workers.map((w) => ({
      ...(access.isSiteAdmin && { name: w.name }),
      version: w.version,
      'last-heartbeat-at': w.heartbeat_at,
      concurrency: w.concurrency,
      engines: w.engines,
    })),
    agents: agents.map((a) => ({
      id: a.id,
      'agent-pool-id': a.agent_pool_id,
      name: a.name,
      version: a.version,
      'last-ping-at': a.last_ping_at,
      concurrency: a.concurrency,
      engines: a.engines,
    })),
    'agent-count': agentCount,
  }),
  links: () => ({ self: '/api/v2/versions' }),
})

/** Ours: which version serves, and which engines the living workers and the agents that the caller may see have. */
versions.get('/versions', { action: 'account:read' }, async (ctx) => {
  const { db } = ctx.app
  const workers = (await selectRunners(db, LISTED)).filter((w) => w.is_alive)
  const agents = await selectLivingAgents(db, visibleOrganizations(ctx.access), LISTED)
  return one(resource, { workers, agents, agentCount: agents[0]?.total_count ?? 0 }, ctx)
})
